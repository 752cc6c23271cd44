"""Make ``pytest --server-url=…`` work from a checkout, installed or not."""

import contextlib

import pytest

pytest_plugins = ["conformance.plugin"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--browser``, the short name of ``--conformance-browser``, where pytest-playwright has not."""
    with contextlib.suppress(ValueError):
        parser.addoption("--browser", metavar="NAME", help="the same as --conformance-browser")
