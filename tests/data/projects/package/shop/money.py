"""Amounts of money."""


def parse(text: str) -> float:
    return float(text.replace("€", ""))
