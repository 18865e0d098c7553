"""A flow in a package."""

from prefect import flow


@flow(log_prints=True)
def report(title: str = "all", factor: float = 1.0):
    print(f"reported {title} {factor}")
