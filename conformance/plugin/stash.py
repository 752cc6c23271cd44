"""What the plugin keeps of a run and of each test, on pytest's own objects."""

from __future__ import annotations

import pytest

from conformance.plugin.mending import Mender
from conformance.plugin.run import Run
from conformance.spec import Requirement

RUN = pytest.StashKey[Run]()
REQUIREMENT = pytest.StashKey[Requirement]()
PARTIAL = pytest.StashKey[bool]()
UNMENDED = pytest.StashKey[bool]()
VERDICT = pytest.StashKey[str]()
MENDER = pytest.StashKey[Mender]()
