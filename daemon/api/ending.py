"""Ends a task that was told to, where a library may lose that."""

import asyncio


def end_if_cancelled() -> None:
    """Raise CancelledError where this task was cancelled, also when the library has lost that.

    ``asyncio.wait_for`` of Python 3.11, which aiomqtt uses, returns what comes at the same moment.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
