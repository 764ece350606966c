"""Instruments that publish over MQTT: Tasmota and ESPHome sensors, and analysers with spectra.

There is no one standard; the option ``style`` picks a usual shape under the topic the port names.

``spectra``: ``<topic>/status`` (retained) ``{"state", "message"}``, one message a scan on
``<topic>/scan``; a scan is asked for by ``{"id": …}`` on ``<topic>/cmd`` and repeats the id, or
comes by itself every ``period_s``. ``tasmota``: ``tele/<topic>/LWT|STATE|SENSOR`` and
``cmnd/<topic>/…``. ``esphome``: ``<topic>/status`` and ``<topic>/sensor/<name>/state``. The device
is a client: presence is its will. A sensor publishes what ``signals`` (name: path and unit) lists,
else the line's pressure and temperature.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any, ClassVar, Literal

from simulators.instruments.base import Ports, Role, need
from simulators.ports import Clock
from simulators.wire.mqtt import MqttClient, Will

Style = Literal["spectra", "tasmota", "esphome"]
SCAN_S = 10.0
USUAL_SIGNALS: Mapping[Style, Mapping[str, Mapping[str, Any]]] = {
    "spectra": {},
    "tasmota": {
        "temperature": {"path": "LINE.Temperature", "unit": "degC"},
        "pressure": {"path": "LINE.Pressure", "unit": "bar"},
    },
    "esphome": {
        "pressure": {"path": "line_pressure", "unit": "bar"},
        "temperature": {"path": "line_temperature", "unit": "degC"},
    },
}
_TEMPERATURES = frozenset({"degC", "K", "degF"})
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_UNIT_PLACES = 6


class SimMqttAnalyser:
    """One device; an analyser needs a cell, a sensor the line's pressure."""

    role: ClassVar[Role] = "cell"
    exclusive = False
    latency_s = 0.0

    def __init__(self, name: str, options: Mapping[str, Any], ports: Ports, clock: Clock) -> None:
        self.name, self.clock = name, clock
        self.topic = str(options.get("topic", name)).strip("/")
        self.style: Style = options.get("style", "spectra")
        self.scan_s = float(options.get("scan_s", SCAN_S))
        free_s = 0.0 if options.get("triggered", True) else 2.0 * self.scan_s
        usual_s = free_s if self.style == "spectra" else 10.0
        self.period_s = float(options.get("period_s") or usual_s)
        self.signals: Mapping[str, Mapping[str, Any]] = (
            options.get("signals") or USUAL_SIGNALS[self.style]
        )
        self._ports = ports
        if self.style == "spectra":
            need(ports.cell, name, "cell")
        else:
            need(ports.pressure, name, "pressure")
        self.seq = 0
        self.state = "ready"
        self.power = False
        self.muted = False  # its radio is off: it neither says nor hears anything
        self._client: MqttClient | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._scan: asyncio.TimerHandle | None = None
        self._born = clock()

    @classmethod
    def role_for(cls, options: Mapping[str, Any]) -> Role:
        """Return what this device needs of the plant."""
        return "cell" if options.get("style", "spectra") == "spectra" else "pressure"

    @property
    def will(self) -> Will:
        """Return what the broker says when the device is lost."""
        if self.style == "tasmota":
            return Will(f"tele/{self.topic}/LWT", b"Offline")
        if self.style == "esphome":
            return Will(f"{self.topic}/status", b"offline")
        lost = {"state": "error", "message": "connection lost"}
        return Will(f"{self.topic}/status", json.dumps(lost).encode())

    def attach(self, client: MqttClient) -> None:
        """Come online: say so, and publish from now on."""
        self.detach()
        self._client = client
        if self.style == "spectra":
            client.subscribe(f"{self.topic}/cmd", self._command)
            self._set_state("ready")
        elif self.style == "tasmota":
            client.subscribe(f"cmnd/{self.topic}/+", self._tasmota_command)
            client.post(self.will.topic, b"Online", retain=True)
        else:
            client.subscribe(f"{self.topic}/switch/+/command", self._esphome_command)
            client.post(self.will.topic, b"online", retain=True)
        if self.period_s > 0:
            self._timer = asyncio.get_running_loop().call_later(self.period_s, self._tick)

    def detach(self) -> None:
        """Fall silent."""
        self._client = None
        for timer in (self._timer, self._scan):
            if timer is not None:
                timer.cancel()
        self._timer = self._scan = None
        self.state = "ready"

    def _tick(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self.period_s, self._tick)
        publish: Mapping[Style, Callable[[], None]] = {
            "spectra": lambda: self._begin_scan(f"free-{self.seq + 1}"),
            "tasmota": self._publish_tasmota,
            "esphome": self._publish_esphome,
        }
        publish[self.style]()

    def _post(self, topic: str, payload: str, *, retain: bool = False) -> None:
        if self._client is not None and not self.muted:
            self._client.post(topic, payload.encode(), retain=retain)

    def _command(self, topic: str, payload: bytes, retained: bool) -> None:  # a handler
        """Begin the scan that was asked for; nonsense and retained commands are ignored."""
        del topic
        try:
            request = json.loads(payload)
        except ValueError:
            return
        if not self.muted and not retained and isinstance(request, dict) and "id" in request:
            self._begin_scan(str(request["id"]))

    def _begin_scan(self, identity: str) -> None:
        if self._scan is not None:
            return  # busy; it says so in its status
        self._set_state("busy")
        self._scan = asyncio.get_running_loop().call_later(self.scan_s, self._end_scan, identity)

    def _end_scan(self, identity: str) -> None:
        self._scan = None
        self.seq += 1
        axis, signal, unit, signal_unit = need(self._ports.cell, self.name, "cell").spectrum(
            self.scan_s
        )
        step = (axis[-1] - axis[0]) / max(1, len(axis) - 1)
        numbers = [round(y, _UNIT_PLACES) if isfinite(y) else None for y in signal]
        message = {
            "id": identity,
            "t": self._now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "seq": self.seq,
            "axis": {"unit": unit, "start": axis[0], "step": step, "n": len(axis)},
            "y": numbers,
            "unit": signal_unit,
            "meta": {"scan_s": self.scan_s},
        }
        self._post(f"{self.topic}/scan", json.dumps(message, separators=(",", ":")))
        self._set_state("ready")

    def _set_state(self, state: str, message: str = "") -> None:
        self.state = state
        text = json.dumps({"state": state, "message": message}, separators=(",", ":"))
        self._post(f"{self.topic}/status", text, retain=True)

    def _now(self) -> datetime:
        return _EPOCH + timedelta(seconds=self.clock())

    def _readings(self) -> list[tuple[str, float]]:
        """Return path and number of every signal, as the device's own scale has it."""
        port = need(self._ports.pressure, self.name, "pressure")
        return [
            (
                str(signal["path"]),
                (
                    port.temperature_degc()
                    if signal.get("unit", "") in _TEMPERATURES
                    else port.pressure_bar()
                )
                / float(signal.get("scale", 1.0)),
            )
            for signal in self.signals.values()
        ]

    def _publish_tasmota(self) -> None:
        """Publish what Tasmota does each TelePeriod; its time is local and without a zone."""
        now = self._now().replace(tzinfo=None).isoformat(timespec="seconds")
        state = {
            "Time": now,
            "UptimeSec": int(self.clock() - self._born),
            "POWER": "ON" if self.power else "OFF",
            "Wifi": {"RSSI": 78},
        }
        sensor: dict[str, Any] = {"Time": now}
        for path, value in self._readings():
            *parents, leaf = path.split(".")
            here = sensor
            for parent in parents:
                here = here.setdefault(parent, {})
            here[leaf] = _rounded(value)
        sensor |= {"TempUnit": "C", "PressureUnit": "bar"}
        self._post(f"tele/{self.topic}/STATE", json.dumps(state, separators=(",", ":")))
        self._post(f"tele/{self.topic}/SENSOR", json.dumps(sensor, separators=(",", ":")))

    def _tasmota_command(self, topic: str, payload: bytes, retained: bool) -> None:  # a handler
        del retained
        command, argument = topic.rsplit("/", 1)[1].upper(), payload.decode("utf-8", "replace")
        answer: dict[str, Any] = {"Command": "Unknown"}
        if command == "POWER":
            if argument:
                self.power = argument.upper() in ("ON", "1")
            answer = {"POWER": "ON" if self.power else "OFF"}
            self._post(f"stat/{self.topic}/POWER", answer["POWER"])
        elif command == "TELEPERIOD":
            if argument.isdigit() and 10 <= int(argument) <= 3600:  # its own bounds
                self.period_s = float(argument)
            answer = {"TelePeriod": int(self.period_s)}
        self._post(f"stat/{self.topic}/RESULT", json.dumps(answer, separators=(",", ":")))

    def _publish_esphome(self) -> None:
        for name, value in self._readings():
            self._post(f"{self.topic}/sensor/{name}/state", f"{value:.2f}")

    def _esphome_command(self, topic: str, payload: bytes, retained: bool) -> None:  # a handler
        del retained
        if payload in (b"ON", b"OFF"):
            self.power = payload == b"ON"
            self._post(topic.removesuffix("command") + "state", payload.decode())


def _rounded(value: float) -> float | None:
    """Return a number for JSON, or null for one that is lost."""
    return round(value, 2) if isfinite(value) else None
