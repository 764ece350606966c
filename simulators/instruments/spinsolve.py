r"""Magritek Spinsolve benchtop NMR: remote control by XML over TCP (two open implementations).

Each message is an XML document with one child of ``Message``; the stream has no lengths and is cut
at ``</Message>``. Requests with an answer are answered by a child of their own name; ``Set`` and
``Abort`` are not answered; ``Start`` and whatever happens then is told by notifications to every
client. Results are not sent: they are files in ``dataFolder`` on the instrument's PC.

Here that PC's disk is the option ``data_dir``: a ``dataFolder`` of ``C:\Spinsolve\2000\…\7``
is the directory ``data_dir/2000/…/7``, and holds ``spectrum.csv`` (ppm and intensity, as the
software exports it) and ``acqu.par``.
"""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path, PureWindowsPath
from typing import Any, ClassVar
from xml.etree import ElementTree as ET
from xml.sax.saxutils import quoteattr

import numpy as np

from simulators.instruments.base import Ports, Role, need
from simulators.instruments.spinsolve_wire import PROTOCOLS, SHIM_S, SpinsolveSession, duration_s
from simulators.ports import Clock
from simulators.wire.line import Framing, Send

ROOT = PureWindowsPath(r"C:\Spinsolve\2000\01\01")
VERSION, MODEL = "1.18.1.3062", "Spinsolve 60"
_PROCESSING_S = 0.5
_STOPPING_S = 1.0
_STEPS = 4  # progress notifications of a run
_DAY_S, _START_OF_DAY_S = 86_400, 9 * 3600


class SimSpinsolve:
    """One spectrometer with a flow cell, behind its PC."""

    role: ClassVar[Role] = "cell"
    latency_s: float = 0.02
    exclusive: bool = False

    def __init__(self, name: str, options: Mapping[str, Any], ports: Ports, clock: Clock) -> None:
        self.name, self.clock = name, clock
        self._cell = need(ports.cell, name, "cell")
        data_dir = options.get("data_dir")
        self.data_dir = None if data_dir is None else Path(data_dir)
        self.local = bool(options.get("local", False))  # name folders as they are on this machine
        self.file = str(options.get("file", "spectrum.csv"))  # what its export is called
        self.asleep = bool(options.get("asleep", False))
        self.connected = True  # to its own hardware
        self.completed_first = False  # the order of Ready and Completed is not fixed
        self.fails = ""  # why the next run fails; empty: it does not
        self.about: dict[str, Any] = {"Solvent": "None", "Sample": "", "UserData": {}}
        self.sessions: list[SpinsolveSession] = []
        self.runs = 0
        self._running: tuple[str, list[asyncio.TimerHandle]] | None = None
        self._answers: dict[str, Callable[[ET.Element], str | None]] = {
            "HardwareRequest": self._hardware,
            "AvailableProtocolOptionsRequest": self._options,
            "EstimateDurationRequest": self._estimate,
            "GetRequest": self._get,
            "Set": self._set,
            "Start": self._start,
            "Abort": self._abort,
            "CheckShimRequest": self._shim,
            "QuickShimRequest": self._shim,
            "PowerShimRequest": self._shim,
        }

    def session(self, send: Send, framing: Framing) -> SpinsolveSession:
        """Return a session with a client."""
        del framing
        return SpinsolveSession(self, send)

    def answer(self, document: bytes) -> str | None:
        """Return the answer to one document, or None for silence (also when it is no XML)."""
        try:
            root = ET.fromstring(document)  # noqa: S314  # a simulator's own test input
        except (ET.ParseError, LookupError, ValueError):  # the last two: a strange encoding
            return None
        if root.tag != "Message" or len(root) != 1:
            return None
        method = self._answers.get(root[0].tag)
        return None if method is None else method(root[0])

    def notify(self, body: str) -> None:
        """Push a notification to every client."""
        second = (_START_OF_DAY_S + int(self.clock())) % _DAY_S
        stamp = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
        text = f'<StatusNotification timestamp="{stamp}">{body}</StatusNotification>'
        for session in tuple(self.sessions):
            session.tell(text)

    def _hardware(self, request: ET.Element) -> str:
        del request
        return (
            f"<HardwareResponse><ConnectedToHardware>{str(self.connected).lower()}"
            f"</ConnectedToHardware><SpinsolveSoftware>{VERSION}</SpinsolveSoftware>"
            f"<SpinsolveType>{MODEL}</SpinsolveType></HardwareResponse>"
        )

    def _options(self, request: ET.Element) -> str:
        del request
        parts: list[str] = []
        for protocol, options in PROTOCOLS.items():
            parts.append(f"<Protocol protocol={quoteattr(protocol)}>")
            for option, values in options.items():
                listed = "".join(f"<Value>{value}</Value>" for value in values)
                parts.append(f"<Option name={quoteattr(option)}>{listed}</Option>")
            parts.append("</Protocol>")
        body = "".join(parts)
        return f"<AvailableProtocolOptionsResponse>{body}</AvailableProtocolOptionsResponse>"

    def _estimate(self, request: ET.Element) -> str:
        seconds = duration_s(request)
        if seconds is None:
            return '<EstimateDurationResponse error="unknown protocol or option"/>'
        return f'<EstimateDurationResponse durationInSeconds="{seconds:g}"/>'

    def _get(self, request: ET.Element) -> str | None:
        if len(request) != 1 or request[0].tag not in self.about:
            return None
        tag = request[0].tag
        value = self.about[tag]
        if tag == "UserData":
            inner = "".join(
                f"<Data key={quoteattr(key)} value={quoteattr(text)}/>"
                for key, text in value.items()
            )
        else:
            inner = _escaped(value)
        return f"<GetResponse><{tag}>{inner}</{tag}></GetResponse>"

    def _set(self, request: ET.Element) -> None:
        for child in request:
            if child.tag in ("Solvent", "Sample"):
                self.about[child.tag] = child.text or ""
            elif child.tag == "UserData":
                self.about["UserData"] = {
                    data.get("key", ""): data.get("value", "") for data in child.iter("Data")
                }

    def _shim(self, request: ET.Element) -> str | None:
        """Answer a check at once; a real shim takes its time first."""
        tag = request.tag.removesuffix("Request")
        if self._running is not None:
            return f'<{tag}Response error="device is busy"/>'
        body = (
            f"<{tag}Response><LineWidth>0.52</LineWidth><BaseWidth>18.4</BaseWidth>"
            f"<SystemIsReady>true</SystemIsReady></{tag}Response>"
        )
        if tag == "CheckShim":
            return body

        def done() -> None:
            self._running = None
            for session in tuple(self.sessions):
                session.tell(body)

        self._running = (tag, [asyncio.get_running_loop().call_later(SHIM_S[tag], done)])
        return None

    def _start(self, request: ET.Element) -> None:
        protocol, seconds = request.get("protocol", ""), duration_s(request)
        if self._running is not None:
            self.notify('<Error error="the device is busy"/>')
        elif seconds is None:
            self.notify(f"<Error error={quoteattr(f'unknown protocol or option: {protocol}')}/>")
        elif not self.connected:
            self.notify('<Error error="not connected to the hardware"/>')
        else:
            self._run(protocol, seconds)

    def _run(self, protocol: str, seconds: float) -> None:
        self.runs += 1
        self._state(protocol, "Running")
        later = asyncio.get_running_loop().call_later
        steps = [
            later(seconds * k / _STEPS, self._progress, protocol, k, seconds)
            for k in range(1, _STEPS)
        ]
        self._running = (protocol, [*steps, later(seconds, self._finish, protocol, seconds)])

    def _progress(self, protocol: str, step: int, seconds: float) -> None:
        left = round(seconds * (1 - step / _STEPS))
        self.notify(
            f'<Progress protocol="{protocol}" percentage="{100 * step // _STEPS}"'
            f' secondsRemaining="{left}" />'
        )

    def _finish(self, protocol: str, seconds: float) -> None:
        """End the acquisition: the data are there, processing is announced beside it."""
        why, self.fails = self.fails, ""
        if why:
            self.notify(f"<Error error={quoteattr(why)}/>")
        folder = ROOT / str(self.runs)
        if not why and protocol != "SHIM":
            self._save(folder, protocol, seconds)
        first, second = (
            lambda: self._state(protocol, "Ready", self._named(folder)),
            lambda: self._completed(protocol, successful=not why),
        )
        if self.completed_first:
            first, second = second, first
        first()

        def end() -> None:
            self._running = None
            second()

        self._running = (protocol, [asyncio.get_running_loop().call_later(_PROCESSING_S, end)])

    def _named(self, folder: PureWindowsPath) -> str:
        """Return a data folder as notifications name it."""
        here = self._here(folder)
        return str(here if self.local and here is not None else folder)

    def _here(self, folder: PureWindowsPath) -> Path | None:
        """Return where a data folder is on this machine's disk; None without a disk."""
        if self.data_dir is None:
            return None
        return self.data_dir.joinpath(*folder.relative_to(ROOT.parents[2]).parts)

    def _abort(self, request: ET.Element) -> None:
        del request
        if self._running is None:
            return
        protocol, timers = self._running
        for timer in timers:
            timer.cancel()
        self._state(protocol, "Stopping")

        def stopped() -> None:
            self._running = None
            self._state(protocol, "Ready")

        self._running = (protocol, [asyncio.get_running_loop().call_later(_STOPPING_S, stopped)])

    def _state(self, protocol: str, status: str, folder: str = "") -> None:
        self.notify(
            f'<State protocol="{protocol}" status="{status}" dataFolder={quoteattr(folder)} />'
        )

    def _completed(self, protocol: str, *, successful: bool) -> None:
        self.notify(
            f'<Completed protocol="{protocol}" completed="true"'
            f' successful="{str(successful).lower()}" />'
        )

    def _save(self, folder: PureWindowsPath, protocol: str, seconds: float) -> None:
        """Write what the PC's software leaves in the data folder."""
        axis, signal, _, _ = self._cell.spectrum(seconds)
        directory = self._here(folder)
        if directory is None:
            return
        directory.mkdir(parents=True, exist_ok=True)
        numbers = np.column_stack([axis, signal]).ravel().tolist()
        rows = "%.5f,%.6g\n" * len(axis) % tuple(numbers)
        (directory / self.file).write_text("ppm,intensity\n" + rows)
        (directory / "acqu.par").write_text(
            f'Protocol = "{protocol}"\nSample = "{self.about["Sample"]}"\n'
            f'Solvent = "{self.about["Solvent"]}"\n'
        )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
