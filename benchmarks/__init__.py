"""How fast flowpack is, beside what it replaces: ``python -m benchmarks``."""
