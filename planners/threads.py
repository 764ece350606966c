"""Numerics on one thread: more only wait for small matrices, and the daemon needs the cores."""

import sys
from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController

_WITH_THREADS = ("numpy", "scipy.linalg", "sklearn")


def one_thread() -> AbstractContextManager[object]:
    """Keep the numerics that are loaded by now on one thread inside."""
    return _libraries(tuple(name in sys.modules for name in _WITH_THREADS)).limit(limits=1)


@cache
def _libraries(_loaded: tuple[bool, ...]) -> ThreadpoolController:
    """Return the libraries with threads; to find them anew takes 3 ms."""
    return ThreadpoolController()
