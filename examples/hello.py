"""A flow that greets.

It runs with Prefect where that is installed, and with flowpack alone where not::

    python examples/hello.py
    flowpack deploy examples/hello.py --name first
    flowpack run hello/first -p name=Ada

Prefect 2.0b7 does not know ``log_prints``: leave it out there.
"""

try:
    from prefect import flow
except ImportError:
    from flowpack import flow


@flow(log_prints=True)
def hello(name: str = "world") -> None:
    """Print a greeting."""
    print(f"Hello, {name}!")


if __name__ == "__main__":
    hello()
