from .formats import joined

try:
    from prefect import flow
except ImportError:
    from flowpack import flow


@flow
def load(rows: list):
    return f"loaded {joined(rows)}"
