"""Make ``pytest --server-url=…`` work from a checkout, installed or not."""

import pytest

# By its name: pytest cannot rewrite the assertions of a module that was imported before it is named.
ENTRY = "conformance.plugin.entry"


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Load the suite's entry where it is not installed; nobody adds such options after this file."""
    pluginmanager.import_plugin(ENTRY)
    pluginmanager.getplugin("conformance-guest").shorten()


def pytest_configure(config: pytest.Config) -> None:
    """Load all of the suite's plugin: whatever is collected here is the project's own."""
    config.pluginmanager.getplugin(ENTRY).load(config)
