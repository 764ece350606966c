"""Checksums of binary protocols."""

from binascii import crc_hqx


def crc16_xmodem(data: bytes) -> int:
    """Return CRC-16/XMODEM: polynomial 0x1021, initial value 0, not reflected, no final xor.

    Vector of the New Era manual: ``SAF0`` gives 0x5543.
    """
    return crc_hqx(data, 0)
