"""Make ``pytest --server-url=…`` work from a checkout, installed or not."""

pytest_plugins = ["conformance.plugin"]
