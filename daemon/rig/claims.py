"""Who on this computer commands an instrument on the network.

A serial port is locked by whoever opens it; many network instruments serve several clients, and two
daemons would undo each other's settings. Each holds a name for every address it uses, in the
kernel's abstract namespace: that ends with the process, however it ends, and needs no directory.
"""

import socket
from collections.abc import Iterable, Mapping
from errno import EADDRINUSE

import structlog

from daemon.safety.alarms import Alarms
from drivers.transport import NETWORK

log = structlog.get_logger(__name__)

SHARED = (
    "{0} ({1}) is commanded by another taylord on this computer as well: each undoes what the other"
    " sets; end one of them, then acknowledge"
)


class Claims:
    """The addresses that this process holds; a context that gives them back."""

    def __init__(self) -> None:
        self._held: dict[str, socket.socket] = {}

    def __enter__(self) -> "Claims":
        return self

    def __exit__(self, *_: object) -> None:
        for sock in self._held.values():
            sock.close()
        self._held.clear()

    def taken(self, ports: Iterable[str]) -> set[str]:
        """Hold these ports, where they are on the network; return those another process holds."""
        wanted = {port for port in ports if port.startswith(NETWORK)} - self._held.keys()
        return {port for port in wanted if not self._hold(port)}

    def _hold(self, port: str) -> bool:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            sock.bind(f"\0taylord {port}")
        except OSError as error:
            sock.close()
            return error.errno != EADDRINUSE  # a system without such names tells nothing
        self._held[port] = sock
        return True


def tell_shared(claims: Claims, ports: Mapping[str, str], alarms: Alarms) -> None:
    """Call a person to each instrument (name to port) that another daemon commands as well."""
    taken = claims.taken(ports.values())
    for name, port in ports.items():
        if port in taken:
            text = SHARED.format(name, port)
            log.error("instrument.shared", instrument=name, port=port)
            alarms.raise_(f"{name} shared", text)
            alarms.returned(f"{name} shared")  # it waits for a person only
