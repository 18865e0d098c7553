"""A plugin for pytest that skips what Python cannot do under WebAssembly."""

from __future__ import annotations

from typing import Any, Generator

import pytest

#: What it says where it has no threads, processes, event loops or terminals.
REFUSALS = (
    "can't start new thread",
    "emscripten does not support processes",
    "WebAssembly stack switching not supported",
    "out of pty devices",
)


def pytest_configure(config: pytest.Config) -> None:
    # Servers whose threads could not start leave sockets that nobody closes.
    ignored = "ignore::pytest.PytestUnraisableExceptionWarning"
    config.addinivalue_line("filterwarnings", ignored)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, Any, Any]:
    return (yield from _skip_refused())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, Any, Any]:
    return (yield from _skip_refused())


def _skip_refused() -> Generator[None, Any, Any]:
    try:
        return (yield)
    except Exception as exc:
        reason = _find_refusal(exc)
        if reason is None:
            raise
        pytest.skip(reason)


def _find_refusal(exc: BaseException | None) -> str | None:
    while exc is not None:
        for text in REFUSALS:
            if text in str(exc):
                return text
        exc = exc.__cause__ or exc.__context__
    return None
