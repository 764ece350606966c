"""Sensirion SFC5xxx / SFx6xxx mass flow controller for gases (SHDLC guide for SFx6000).

The plant has no gas lines, so this instrument has its own: a cylinder that never runs out, and a
valve that brings the flow to the setpoint with a time constant. From the plant it takes only
whether its sensor is alive. Commands: 00 setpoint, 03 setpoint and measured value, 08 measured
value (01h: in the unit of the calibration), 30 10h temperature, 44 the calibration in use, 45 its
number. The setpoint is 0 when it is switched on.
"""

import struct
from collections.abc import Mapping
from math import exp, isnan
from typing import Any, ClassVar

from simulators.instruments.base import Ports, Role, need
from simulators.instruments.sensirion_shdlc import PARAMETER, ShdlcDevice, ShdlcFault, sized
from simulators.ports import Clock

PHYSICAL, AVERAGED = 0x01, 0x11
SENSOR_SILENT = 0x20  # device-specific
SETTLING_S = 0.05
NITROGEN = 13
_MILLI, _NORM_LITRE, _MINUTE = -3, 0, 4  # the unit of the calibration


class SimSensirionSfx(ShdlcDevice):
    """One controller; flows in norm mL/min."""

    role: ClassVar[Role] = "flow"
    name_of_product = "SFC5500-200sccm"
    version = bytes((1, 62, 0, 2, 0, 1, 0))

    def __init__(self, name: str, options: Mapping[str, Any], ports: Ports, clock: Clock) -> None:
        super().__init__(name, options, clock)
        self._port = need(ports.flow, name, "flow")
        self.full_scale = 200.0
        self.setpoint = 0.0
        self._from, self._since = 0.0, clock()
        self.commands |= {
            0x00: self._setpoint,
            0x03: self._setpoint_and_value,
            0x08: self._value,
            0x30: self._raw,
            0x44: self._calibration,
            0x45: self._calibration_number,
        }

    def reset(self) -> None:
        """Begin anew, with the valve closed."""
        super().reset()
        self._aim(0.0)

    @property
    def flow(self) -> float:
        """Return the flow now, on its way to the setpoint."""
        left = exp(-(self.clock() - self._since) / SETTLING_S)
        return self.setpoint + (self._from - self.setpoint) * left

    def _aim(self, setpoint: float) -> None:
        self._from, self._since, self.setpoint = self.flow, self.clock(), setpoint

    def _setpoint(self, data: bytes) -> bytes:
        sized(data, 1, 5)
        if data[0] != PHYSICAL:  # normalised and user scaling are not modelled
            raise ShdlcFault(PARAMETER)
        if len(data) == 1:
            return struct.pack(">f", self.setpoint)
        setpoint: float = struct.unpack(">f", data[1:])[0]
        if not 0.0 <= setpoint <= self.full_scale:
            raise ShdlcFault(PARAMETER)
        self._aim(setpoint)
        return b""

    def _setpoint_and_value(self, data: bytes) -> bytes:
        sized(data, 5)
        self._setpoint(data)
        return self._value(data[:1])

    def _value(self, data: bytes) -> bytes:
        sized(data, 1, 2)
        if data[0] != (PHYSICAL if len(data) == 1 else AVERAGED):
            raise ShdlcFault(PARAMETER)
        self._require_sensor()
        return struct.pack(">f", self.flow)

    def _raw(self, data: bytes) -> bytes:
        sized(data, 1)
        self._require_sensor()
        if data[0] == 0x10:
            return struct.pack(">f", self._port.temperature_degc())
        if data[0] == 0x00:
            return struct.pack(">H", round(30000 * self.flow / self.full_scale))
        raise ShdlcFault(PARAMETER)

    def _calibration(self, data: bytes) -> bytes:
        sized(data, 1)
        replies = {
            0x11: b"Nitrogen\0",
            0x12: struct.pack(">I", NITROGEN),
            0x13: struct.pack(">bBB", _MILLI, _NORM_LITRE, _MINUTE),
            0x14: struct.pack(">f", self.full_scale),
        }
        if data[0] not in replies:
            raise ShdlcFault(PARAMETER)
        return replies[data[0]]

    def _calibration_number(self, data: bytes) -> bytes:
        sized(data, 0)
        return struct.pack(">I", 0)

    def _require_sensor(self) -> None:
        if isnan(self._port.flow_ml_min()):
            raise ShdlcFault(SENSOR_SILENT)
