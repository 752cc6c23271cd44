"""Profiles that several tests read, and what is said of a wrong one."""

from __future__ import annotations

import pytest

from conformance.core.errors import UsageProblem

CREDENTIALS = """
[carriers]
offered = ["header"]
[credentials.alice]
user_id = 1
token = { env = "ALICE_TOKEN" }
"""
STARTED = '[target]\nurl = "ws://localhost:{port}"\nstart = ["x"]\n'


def complaint(write, text):
    with pytest.raises(UsageProblem) as caught:
        write(text)
    message = str(caught.value)
    assert 1 <= len(message.splitlines()) <= 3
    return message
