"""Make ``pytest --server-url=…`` work from a checkout, installed or not."""

import pytest

ENTRY = "conformance.entry"


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Load the suite's entry, where it is not installed; in this checkout nobody comes behind it."""
    pluginmanager.import_plugin(ENTRY)
    pluginmanager.getplugin("conformance-guest").shorten()
