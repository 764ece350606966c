"""Whether a task was told to end, where a library may lose that.

``asyncio.wait_for`` of Python 3.11, which aiomqtt uses, returns what comes at the same moment
instead of the cancellation.
"""

import asyncio


def told_to_end() -> bool:
    """Return whether this task was cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def end_if_told() -> None:
    """Raise CancelledError where this task was cancelled."""
    if told_to_end():
        raise asyncio.CancelledError
