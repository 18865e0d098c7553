try:
    from prefect import flow
except ImportError:
    from flowpack import flow


@flow
def extract(count: int):
    return [f"row {number}" for number in range(count)]
