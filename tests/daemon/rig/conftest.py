"""Scripted drivers are found like installed ones."""

import pytest

from daemon.rig import parts
from tests.daemon.rig.scripted import KINDS


@pytest.fixture(autouse=True)
def _scripted_drivers(monkeypatch):
    installed = parts.load
    monkeypatch.setattr(
        parts, "load", lambda group, name: KINDS.get(name) or installed(group, name)
    )
