class Stock(dict):
    def total(self):
        return sum(self.values())
