"""Sensirion SLF3S liquid flow sensor on an SCC1 cable: continuous measurement over SHDLC.

The cable measures at its interval once it was started and keeps the last sample; before the first
one it has nothing to give (an empty reply). The flow is an integer with the scale of the sensor's
model, the temperature in 1/200 degC; flags: bit 0 air in line, bit 1 high flow, bit 5 smoothing.

What follows the unit in the reply to 53 differs between sources: two zero bytes here, as the
manufacturer's library reads them (``tail``). From that library are also 25 (the sensor's address on
the cable's own bus), 30 (whether it measures) and 50 (product and serial number of the sensor).
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any, ClassVar

from simulators.instruments.base import Ports, Role, need
from simulators.instruments.sensirion_shdlc import PARAMETER, ShdlcDevice, ShdlcFault, sized
from simulators.ports import Clock

SF06 = 3
WATER, ISOPROPANOL = 0x3608, 0x3615
UL_MIN, ML_MIN = 0x0844, 0x0845
AIR, HIGH_FLOW, SMOOTHING = 0x01, 0x02, 0x20
SENSOR_SILENT, NOT_NOW = 0x20, 0x23  # device-specific states; the sheet does not settle the numbers
WARM_UP_S = 0.06
_SIGNALS = (b"\x22", b"\x03")  # what asks for all three
_BUFFER = 40  # samples


@dataclass(frozen=True)
class Model:
    """One sensor of the family; ``full`` is the largest flow it can tell, mL/min."""

    product: int
    factor: int
    unit: int
    full_ml_min: float

    def counts(self, ml_min: float) -> int:
        """Return a flow as the sensor tells it."""
        flow = ml_min * (1000.0 if self.unit == UL_MIN else 1.0)
        return round(self.factor * flow)


MODELS = {
    "0600F": Model(0x07030302, 10, UL_MIN, 3.25),
    "1300F": Model(0x07030202, 500, ML_MIN, 65.0),
    "4000F": Model(0x07030502, 32, ML_MIN, 1000.0),
}


class SimSlf3s(ShdlcDevice):
    """One cable with its sensor; not measuring when it is switched on."""

    role: ClassVar[Role] = "flow"
    name_of_product = "SCC1-USB"

    def __init__(self, name: str, options: Mapping[str, Any], ports: Ports, clock: Clock) -> None:
        super().__init__(name, options, clock)
        self._port = need(ports.flow, name, "flow")
        self.model, self.tail = "1300F", b"\0\0"
        self.sensor_address = 0x08
        self.sensor_type = SF06
        self.started: float | None = None  # when the measurement began
        self.interval_ms, self.liquid = 0, WATER
        self._read_to = 0.0  # samples up to here were taken out of the buffer
        self.totalising, self._total, self._total_from = False, 0.0, 0.0
        self.commands |= {
            0x24: self._sensor_type,
            0x25: self._sensor_address,
            0x30: self._status,
            0x33: self._start,
            0x34: self._stop,
            0x35: self._last,
            0x36: self._buffer,
            0x37: self._totaliser_status,
            0x38: self._totaliser_value,
            0x39: self._totaliser_reset,
            0x50: self._part,
            0x53: self._scale,
        }

    def reset(self) -> None:
        """Begin anew: the measurement has to be started again."""
        super().reset()
        self.started = None

    def sample(self) -> bytes:
        """Return flow, temperature and flags as they are now."""
        flow, degc = self._port.flow_ml_min(), self._port.temperature_degc()
        if isnan(flow) or isnan(degc):
            raise ShdlcFault(SENSOR_SILENT)
        model = MODELS[self.model]
        flags = AIR if self._port.gas() else 0
        if abs(flow) > model.full_ml_min:
            flags |= HIGH_FLOW
            flow = max(-model.full_ml_min, min(model.full_ml_min, flow))
        counts = max(-0x8000, min(0x7FFF, model.counts(flow)))
        return struct.pack(">hhH", counts, round(200.0 * degc), flags)

    @property
    def _first_at(self) -> float:
        """Return when the first sample is there; never before the start."""
        if self.started is None:
            return float("inf")
        return self.started + WARM_UP_S + self.interval_ms / 1000.0

    def _sensor_type(self, data: bytes) -> bytes:
        if not data:
            return bytes((self.sensor_type,))
        sized(data, 1)
        if data[0] > SF06:
            raise ShdlcFault(PARAMETER)
        self.sensor_type = data[0]
        return b""

    def _start(self, data: bytes) -> bytes:
        if not data:
            return b"" if self.started is None else struct.pack(">H", self.interval_ms)
        sized(data, 4)
        if self.started is not None:
            raise ShdlcFault(NOT_NOW)
        interval_ms, liquid = struct.unpack(">HH", data)
        self._check_liquid(liquid)
        self.interval_ms, self.liquid = interval_ms, liquid
        self.started = self._read_to = self.clock()
        return b""

    def _stop(self, data: bytes) -> bytes:
        sized(data, 0)
        self._totalise()
        self.started = None
        return b""

    def _last(self, data: bytes) -> bytes:
        if data not in (b"", *_SIGNALS):
            raise ShdlcFault(PARAMETER)
        if self.clock() < self._first_at:
            return b""
        sample = self.sample()
        return sample if data else sample[:2]

    def _buffer(self, data: bytes) -> bytes:
        if data != b"\x03":
            raise ShdlcFault(PARAMETER)
        now, step = self.clock(), max(self.interval_ms, 1) / 1000.0
        if now < self._first_at:
            return b""
        new = int((now - self._read_to) / step)
        self._read_to += new * step
        kept = min(new, _BUFFER)
        return struct.pack(">IHH", new - kept, 0, 3) + kept * self.sample()

    def _totaliser_status(self, data: bytes) -> bytes:
        sized(data, 0, 1)
        if not data:
            return bytes((self.totalising,))
        self._totalise()
        self.totalising = bool(data[0])
        return b""

    def _totaliser_value(self, data: bytes) -> bytes:
        sized(data, 0)
        self._totalise()
        return struct.pack(">q", round(self._total))

    def _totaliser_reset(self, data: bytes) -> bytes:
        sized(data, 0)
        self._total, self._total_from = 0.0, self.clock()
        return b""

    def _totalise(self) -> None:
        """Add the samples since the last look, all like the one that is there now."""
        now = self.clock()
        if self.totalising and now >= self._first_at:
            since = max(self._total_from, self._first_at)
            samples = (now - since) * 1000.0 / max(self.interval_ms, 1)
            self._total += samples * struct.unpack(">h", self.sample()[:2])[0]
        self._total_from = now

    def _scale(self, data: bytes) -> bytes:
        sized(data, 2)
        self._check_liquid(struct.unpack(">H", data)[0])
        model = MODELS[self.model]
        return struct.pack(">HH", model.factor, model.unit) + self.tail

    def _sensor_address(self, data: bytes) -> bytes:
        if not data:
            return bytes((self.sensor_address,))
        sized(data, 1)
        self.sensor_address = data[0] & 0x7F
        return b""

    def _status(self, data: bytes) -> bytes:
        sized(data, 0)
        return bytes((self.started is not None,))

    def _part(self, data: bytes) -> bytes:
        sized(data, 0, 1)
        return f"{MODELS[self.model].product:08X}{int(self.serial):016X}".encode() + b"\0"

    def _check_liquid(self, command: int) -> None:
        if command not in (WATER, ISOPROPANOL):
            raise ShdlcFault(PARAMETER)
