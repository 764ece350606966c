"""The serial ports of this machine, by the names that survive replugging; through pyserial."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BY_ID = Path("/dev/serial/by-id")


@dataclass(frozen=True, slots=True)
class SerialPort:
    """A port: the name to use in a configuration, the device behind it, and what it says it is."""

    name: str  # in /dev/serial/by-id where it has one there
    device: str
    description: str = ""


def serial_ports(by_id: Path = BY_ID) -> list[SerialPort]:
    """Return the serial ports of this machine, sorted by device; nothing is opened."""
    from serial.tools.list_ports import comports

    names = dict(_names(by_id))
    found = [
        SerialPort(names.get(port.device, port.device), port.device, _said(port.description))
        for port in comports()
    ]
    return sorted(found, key=lambda port: port.device)


def stable_name(device: str, by_id: Path = BY_ID) -> str | None:
    """Return the by-id name of a device, or None when it has none."""
    if device.startswith(f"{by_id}/"):
        return device
    return dict(_names(by_id)).get(str(Path(device).resolve()))


def _names(by_id: Path) -> Iterator[tuple[str, str]]:
    """Yield each device with its by-id name; the first in order where it has several."""
    links = sorted(by_id.iterdir(), reverse=True) if by_id.is_dir() else []
    for link in links:
        yield str(link.resolve()), str(link)


def _said(description: str | None) -> str:
    return "" if description in (None, "n/a") else str(description)
