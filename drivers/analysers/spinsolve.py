"""Magritek Spinsolve benchtop NMR: remote control by XML over TCP, port 13000.

There is no public manual; ``RemoteControl.xsd`` of the instrument's software is the authority, and
this driver is written from open descriptions of it. ``Set`` and ``Abort`` have no answer; ``Start``
is answered by notifications (:mod:`drivers.analysers.spinsolve_runs`), which are also pushed for
runs started at the instrument. Results are not sent: they are files in the folder that ``Ready``
names, on the instrument's computer, and come through a mounted share (option ``data_root``). The
first answer after that computer slept can take 15 s. Unverified on hardware.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Annotated, ClassVar
from xml.etree.ElementTree import Element

from pydantic import Field

from drivers.analysers.result_file import ResultFile
from drivers.analysers.spinsolve_runs import Run, Runs
from drivers.analysers.spinsolve_xml import (
    NotAMessage,
    child_of,
    codec,
    message,
    notification,
    run_request,
    set_sample,
)
from drivers.bus import Bus
from drivers.errors import (
    CommandRejected,
    DeviceFault,
    GarbledReply,
    InstrumentError,
    LinkLost,
    NoReply,
)
from drivers.options import DriverOptions
from drivers.probes import FRAMED, Probe
from drivers.roles import Spectrum
from drivers.signal import Lane, Limits
from drivers.table import MethodSignal, TableInstrument
from drivers.transport.base import LineSpec

LOOK_S = 2.0  # how often a wait for notifications looks whether the link still stands
STOP_S = 30.0  # from Abort to Ready
DEFAULT_S = 30.0  # of an acquisition that nobody has estimated yet
ABORT = message("<Abort/>")
HARDWARE = message("<HardwareRequest/>")


class SpinsolveOptions(DriverOptions):
    """Options of a Spinsolve."""

    timeout_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    wake_s: Annotated[float, Field(gt=0, le=120)] = 20.0  # for the first answer
    start_s: Annotated[float, Field(gt=0, le=120)] = 15.0  # from Start to Running
    protocol: str = "1D PROTON"
    protocol_options: Mapping[str, str] = Field(default_factory=lambda: {"Scan": "QuickScan"})
    data_root: Mapping[str, str] = Field(default_factory=dict[str, str])  # C:\... -> mount point
    file: Annotated[str, Field(pattern=r"^[^/\\]+$")] = "spectrum.csv"
    file_timeout_s: Annotated[float, Field(gt=0, le=600)] = 30.0
    points: Annotated[int, Field(ge=16)] | None = None  # of a complete spectrum; None: any
    acquisition_s: Annotated[float, Field(gt=0, le=86400)] | None = None  # None: ask


class Spinsolve(TableInstrument):
    """Fills the ``Analyser`` role: one spectrum per request."""

    Options: ClassVar[type[DriverOptions]] = SpinsolveOptions
    probes: ClassVar = (  # a computer that sleeps is not found
        Probe(
            HARDWARE,
            rb"<HardwareResponse>.*?<SpinsolveSoftware>(.*?)</.*?<SpinsolveType>(.*?)</",
            "{1}, software {0}",
            over=("socket",),
            rank=FRAMED,
            wait_s=2.0,
        ),
    )
    line: ClassVar[LineSpec] = LineSpec(codec=lambda _port: codec(), quiet_s=0.5, drain_s=2.0)

    hardware = MethodSignal(bool, read="hardware_connected", poll_s=30.0, doc="magnet connected")
    running = MethodSignal(bool, read="is_running", poll_s=10.0, doc="a protocol runs")
    progress = MethodSignal(float, "%", read="percentage", poll_s=10.0, doc="of the running one")

    def __init__(
        self, name: str, bus: Bus, options: SpinsolveOptions, limits: Mapping[str, Limits]
    ) -> None:
        self._bus, self._options = bus, options
        self._runs = Runs()
        self._news = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._estimate_s = options.acquisition_s or DEFAULT_S
        self._awake = False
        self._folders: set[str] = set()  # that gave a spectrum already
        self._result = ResultFile(
            name,
            options.data_root,
            options.file,
            timeout_s=options.file_timeout_s,
            points=options.points,
        )
        super().__init__(name, limits)
        bus.on_unsolicited(self._hear)

    @property
    def acquisition_s(self) -> float:
        """Return how long one measurement takes, about, s."""
        return self._estimate_s

    async def identify(self) -> str:
        """Ask for model and software; the first answer may take its time."""
        self._awake = False
        hardware = await self._ask(HARDWARE, "HardwareResponse", Lane.COMMAND)
        model = hardware.findtext("SpinsolveType") or "Spinsolve"
        return f"{model}, software {hardware.findtext('SpinsolveSoftware') or 'unknown'}"

    async def prepare(self) -> None:
        """Forget runs of the last connection; ask how long the protocol takes."""
        self._runs = Runs()
        if self._options.acquisition_s is not None:
            return
        options = self._options
        request = run_request("EstimateDurationRequest", options.protocol, options.protocol_options)
        reply = await self._ask(request, "EstimateDurationResponse", Lane.COMMAND)
        if error := reply.get("error"):
            raise DeviceFault(self.name, f"cannot run {options.protocol!r}: {error}")
        try:
            seconds = float(reply.get("durationInSeconds", ""))
        except ValueError:
            seconds = 0.0
        if not 0.0 < seconds < 86400.0:
            raise GarbledReply(self.name, request, reply.tag.encode(), "no duration")
        self._estimate_s = seconds

    async def check(self) -> None:
        """Raise DeviceFault while the magnet is not connected to its computer."""
        if not await self.hardware_connected(Lane.COMMAND):
            raise DeviceFault(self.name, "its software is not connected to the hardware")

    async def make_safe(self) -> None:
        """Abort our own run; a run that somebody started at the instrument is theirs."""
        if self._runs.measuring(self._now()):
            await self._bus.send(self.name, ABORT, lane=Lane.TRIP)

    async def acquire(self, label: str) -> Spectrum:
        """Measure what is in the cell now; ``label`` becomes the name of the sample.

        Aborts the run when cancelled or when it fails. Raises CommandRejected while a run is under
        way, DeviceFault, NoReply, LinkLost.
        """
        if not label.isprintable():
            raise CommandRejected(self.name, f"sample name {label!r} is not printable")
        async with self._one_at_a_time:
            await self._until_free()
            run = self._runs.expect(self._options.protocol)
            try:
                await self._run(run, label)
            except BaseException:  # cancellation too: nothing of ours may go on measuring
                await self._abort(run)
                raise
            finally:
                self._runs.give_up()
            return await self._spectrum(run, label)

    async def _until_free(self) -> None:
        """Wait for a run of ours that was aborted; raise CommandRejected for anybody else's."""
        if self._runs.measuring(self._now()):
            await self._until(lambda: not self._runs.measuring(self._now()), STOP_S, ABORT)
        if self._runs.busy(self._now()):
            raise CommandRejected(self.name, "is busy with a run started at the instrument")

    async def _run(self, run: Run, label: str) -> None:
        """Name the sample, start, and wait until it is over; raise unless it was successful."""
        options = self._options
        await self._bus.send(self.name, set_sample(label), lane=Lane.COMMAND)
        start = run_request("Start", options.protocol, options.protocol_options)
        run.asked = True
        await self._bus.send(self.name, start, lane=Lane.COMMAND)
        await self._until(lambda: run.started is not None or run.over, options.start_s, start)
        await self._until(lambda: run.over, 3.0 * self._estimate_s + 60.0, start)
        if run.error:
            raise DeviceFault(self.name, f"{options.protocol}: {run.error}")
        if run.stopped:
            raise DeviceFault(self.name, f"{options.protocol} was stopped at the instrument")
        if not run.successful:
            raise DeviceFault(self.name, f"{options.protocol} did not complete successfully")

    async def _until(self, reached: Callable[[], bool], limit_s: float, request: bytes) -> None:
        """Wait for notifications; raise NoReply when they do not come, LinkLost with the link."""
        opened = self._bus.counters.opened
        deadline = self._now() + limit_s
        while not reached():
            if self._bus.state != "open" or self._bus.counters.opened != opened:
                raise LinkLost(self.name, "the connection broke during a run")
            rest = deadline - self._now()
            if rest <= 0:
                raise NoReply(self.name, request, limit_s)
            self._news.clear()
            timer = asyncio.get_running_loop().call_later(min(rest, LOOK_S), self._news.set)
            try:
                await self._news.wait()
            finally:
                timer.cancel()

    async def _abort(self, run: Run) -> None:
        """Stop our run if it may be under way; never somebody else's that kept us out."""
        refused = run.started is None and run.error
        if not run.asked or refused or run.ready is not None:
            return
        with suppress(InstrumentError):  # the fault that brings us here is the one to report
            await self._bus.send(self.name, ABORT, lane=Lane.COMMAND)

    async def _spectrum(self, run: Run, label: str) -> Spectrum:
        if run.folder in self._folders:
            raise DeviceFault(self.name, f"names the folder of an earlier result: {run.folder!r}")
        axis, y = await self._result.read(run.folder)
        self._folders.add(run.folder)
        return Spectrum(
            axis=axis,
            axis_unit="ppm",
            y=y,
            y_unit="",
            started=run.started or 0.0,
            finished=run.ready or 0.0,
            meta={"label": label, "protocol": run.protocol, "folder": run.folder},
        )

    async def hardware_connected(self, lane: Lane) -> bool:
        """Ask whether the software sees the magnet."""
        reply = await self._ask(HARDWARE, "HardwareResponse", lane)
        word = (reply.findtext("ConnectedToHardware") or "").strip().lower()
        if word not in {"true", "false"}:
            raise GarbledReply(self.name, HARDWARE, word.encode(), "no truth value")
        return word == "true"

    async def is_running(self, _lane: Lane) -> bool:
        """Return whether a run is under way, as the notifications tell."""
        return self._runs.busy(self._now())

    async def percentage(self, _lane: Lane) -> float:
        """Return the progress of the run under way; 0 when none is."""
        run = self._runs.current
        return run.percentage if run is not None and run.busy(self._now()) else 0.0

    async def _ask(self, request: bytes, tag: str, lane: Lane) -> Element:
        """Return the answer with this tag; what comes before it are notifications."""

        def match(document: bytes) -> Element | None:
            try:
                child = child_of(document)
            except NotAMessage:
                return None
            return child if child.tag == tag else None

        timeout_s = self._options.timeout_s if self._awake else self._options.wake_s
        reply = await self._bus.exchange(
            self.name, request, match, lane=lane, timeout_s=timeout_s, attempts=2
        )
        self._awake = True
        return reply

    def _hear(self, document: bytes) -> bool:
        """Take a pushed document and return True; what is no notification is nobody's."""
        try:
            news = notification(child_of(document))
        except NotAMessage:
            return False
        self._runs.hear(news, self._now())
        self._news.set()
        return True

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
