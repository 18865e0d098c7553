def joined(rows):
    return " and ".join(rows)
