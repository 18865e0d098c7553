"""What every test runs under, the examples of README.rst included."""

from tests.isolation import (
    fresh_home,
    only_loopback,
    refuse_other_machines,
    register_hypothesis_profiles,
)

__all__ = ["fresh_home", "only_loopback"]


def pytest_configure() -> None:
    refuse_other_machines()
    register_hypothesis_profiles()
