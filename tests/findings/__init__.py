"""What docs/findings.md says of real servers, repeated with raw sockets: ``python -m tests.findings``."""
