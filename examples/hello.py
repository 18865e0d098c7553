"""A flow that greets.

It runs with Prefect where that is installed, and with flowpack alone where not::

    python examples/hello.py
    flowpack deploy examples/hello.py --name first
    flowpack run hello/first -p name=Ada
"""

try:
    from prefect import flow
except ImportError:
    from flowpack import flow


@flow
def hello(name: str = "world") -> str:
    """Print a greeting and return it."""
    greeting = f"Hello, {name}!"
    print(greeting)
    return greeting


if __name__ == "__main__":
    hello()
