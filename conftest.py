"""Make ``pytest --server-url=…`` work from a checkout, installed or not."""

import pytest

from conformance import entry


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Load the suite's entry where it is not installed; nobody adds such options after this file."""
    pluginmanager.import_plugin(entry.__name__)
    entry.guest_in(pluginmanager).shorten()


def pytest_configure(config: pytest.Config) -> None:
    """Load all of the suite's plugin: whatever is collected here is the project's own."""
    entry.load(config)
