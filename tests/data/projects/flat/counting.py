from dataclasses import dataclass, field


@dataclass
class Counter:
    counts: dict = field(default_factory=dict)

    def add(self, word):
        self.counts[word] = self.counts.get(word, 0) + 1

    def most(self):
        return max(self.counts, key=self.counts.get)
