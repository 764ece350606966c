"""Transports: serial ports, TCP sockets, and a wrapper that shows the bytes."""

from drivers.transport.base import LineSpec, Transport

NETWORK = ("socket://", "rfc2217://", "modbus-tcp://")  # how ports begin that a network leads to


def dial(port: str, line: LineSpec) -> Transport:
    """Return the transport of a real port; nothing is opened yet.

    ``socket://HOST:PORT`` and ``modbus-tcp://HOST:PORT`` are TCP; the rest goes to pyserial
    (device paths and ``rfc2217://HOST:PORT``).
    """
    scheme, _, rest = port.partition("://")
    if scheme in ("socket", "modbus-tcp"):
        from drivers.transport.tcp import TcpTransport

        return TcpTransport.from_address(rest, port)
    if scheme == "rfc2217":
        from drivers.transport.rfc2217 import Rfc2217Transport

        return Rfc2217Transport(port, line)
    from drivers.transport.serial import SerialTransport

    return SerialTransport(port, line)
