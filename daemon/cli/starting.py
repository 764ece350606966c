"""Starts what plans before all else of ``taylord demo``, ``run`` and ``resume`` is imported.

The planner's imports take longer than the daemon's own, so the two go side by side.
"""

import argparse

from daemon.planning.process import early


def demo(arguments: argparse.Namespace) -> int:
    """Run the built-in rig's whole campaign in virtual time."""
    with early() as planning:
        from daemon.cli import campaigns

        return campaigns.demo(arguments, planning)


def run(arguments: argparse.Namespace) -> int:
    """Run the daemon on a rig."""
    with early() as planning:
        from daemon.cli import campaigns

        return campaigns.run(arguments, planning)


def resume(arguments: argparse.Namespace) -> int:
    """Go on with an interrupted campaign."""
    with early() as planning:
        from daemon.cli import campaigns

        return campaigns.resume(arguments, planning)
