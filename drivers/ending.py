"""Whether a task was told to end, where a library may lose that."""

import asyncio


def told_to_end() -> bool:
    """Return whether this task was cancelled.

    ``asyncio.wait_for`` of Python 3.11, which aiomqtt uses, returns what comes at the same moment
    instead of the cancellation.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
