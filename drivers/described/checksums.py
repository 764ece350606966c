"""Checksums of described protocols, and how they are written."""

from collections.abc import Callable, Mapping
from functools import reduce
from operator import xor

from drivers.binary import crc16_xmodem
from drivers.described.model import ChecksumPart


def sum8(data: bytes) -> int:
    """Return the low byte of the sum of all bytes."""
    return sum(data) & 0xFF


def inverse_sum8(data: bytes) -> int:
    """Return the one's complement of :func:`sum8` (Sensirion SHDLC)."""
    return ~sum8(data) & 0xFF


def xor8(data: bytes) -> int:
    """Return all bytes combined by exclusive or (Tecan OEM)."""
    return reduce(xor, data, 0)


def crc16_modbus(data: bytes) -> int:
    """Return CRC-16/MODBUS: polynomial A001h reflected, initial value FFFFh."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def crc16_ccitt_false(data: bytes) -> int:
    """Return CRC-16/CCITT-FALSE: polynomial 1021h, initial value FFFFh."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


SUMS: Mapping[str, tuple[Callable[[bytes], int], int]] = {  # and their size in bytes
    "sum8": (sum8, 1),
    "inverse-sum8": (inverse_sum8, 1),
    "xor8": (xor8, 1),
    "crc16-modbus": (crc16_modbus, 2),
    "crc16-xmodem": (crc16_xmodem, 2),
    "crc16-ccitt-false": (crc16_ccitt_false, 2),
}


def written(part: ChecksumPart, data: bytes) -> bytes:
    """Return the checksum over ``data`` as it goes on the wire."""
    function, size = SUMS[part.kind]
    raw = function(data).to_bytes(size, "big" if part.order == "high" else "little")
    if part.form == "binary":
        return raw
    if part.form == "decimal":
        return f"{int.from_bytes(raw, 'big'):0{3 if size == 1 else 5}d}".encode()
    text = raw.hex()
    return (text.upper() if part.form == "HEX" else text).encode()


def width(part: ChecksumPart) -> int:
    """Return how many bytes the checksum takes on the wire."""
    return len(written(part, b""))
