"""Scripted drivers are found like installed ones."""

from tests.daemon.rig.conftest import _scripted_drivers

__all__ = ["_scripted_drivers"]
