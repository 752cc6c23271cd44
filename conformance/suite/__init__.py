"""The conformance tests, one folder a chapter."""
