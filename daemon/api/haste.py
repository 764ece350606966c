"""Makes a client of paho answer sooner than it and the kernel would by themselves.

What the broker sends is acknowledged at once: one that keeps Nagle's algorithm (mosquitto does,
unless told otherwise) holds its next small message back until then, and a kernel left alone takes
40 ms. What is to be sent is written in the next turn of the loop, all of it in one segment, without
first asking whether the socket is ready; only when it is not, it is waited for.
"""

import asyncio
import socket
from collections.abc import Generator
from contextlib import contextmanager
from threading import get_ident
from typing import Any

QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux
CORK: int | None = getattr(socket, "TCP_CORK", None)


def acknowledge_at_once(paho: Any) -> None:
    """Have the kernel acknowledge as soon as the broker has acknowledged something."""
    published = paho.on_publish

    def on_publish(*args: Any) -> None:
        raw = paho.socket()
        if QUICKACK is not None and raw is not None:
            raw.setsockopt(socket.IPPROTO_TCP, QUICKACK, 1)
        published(*args)

    paho.on_publish = on_publish


def write_at_once(paho: Any) -> None:
    """Write in the next turn of the running loop; call it in the loop's thread."""
    loop, thread = asyncio.get_running_loop(), get_ident()
    wait_to_write = paho.on_socket_register_write

    def write(*args: Any) -> None:
        raw = paho.socket()
        if raw is None:
            return
        with _corked(raw):
            paho.loop_write()
        if paho.want_write() and paho.socket() is not None:
            wait_to_write(*args)

    def soon(*args: Any) -> None:
        # the very first packet is written by the thread that connects
        (loop.call_soon if get_ident() == thread else loop.call_soon_threadsafe)(write, *args)

    paho.on_socket_register_write = soon


@contextmanager
def _corked(raw: Any) -> Generator[None]:
    """Send what is written inside as one; each packet by itself would wake the broker."""
    if CORK is None:
        yield
        return
    raw.setsockopt(socket.IPPROTO_TCP, CORK, 1)
    try:
        yield
    finally:
        if raw.fileno() >= 0:  # writing may have closed it
            raw.setsockopt(socket.IPPROTO_TCP, CORK, 0)
