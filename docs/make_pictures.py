"""Draw docs/pictures/demo.png: a simulated campaign's trends, and how it converges.

    python docs/make_pictures.py

runs ``taylord demo`` in a temporary directory and draws its record. It needs matplotlib, which the
``test`` extra brings along.
"""

import argparse
import sqlite3
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from daemon.examples import example
from daemon.settings.load import load
from daemon.settings.models import Settings

ROOT = Path(__file__).parent.parent
OUT = Path(__file__).parent / "pictures" / "demo.png"
BLUE, ORANGE, GREEN, RED, GREY = "#1f5f99", "#d97706", "#2e7d4f", "#b3261e", "#777777"
SHADE = "#eef1f4"
RESPONSE_UNIT = "kg/(m³ h)"

Series = tuple[list[float], list[float]]  # hours, values


@dataclass(frozen=True)
class Run:
    """One experiment that ended: hours since the start, space-time yield, standard deviation."""

    number: int
    started_h: float
    finished_h: float
    response: float | None
    sd: float | None


@dataclass(frozen=True)
class Record:
    """What is drawn: good readings by signal (hours, values), and the experiments in order."""

    readings: Mapping[str, Series]
    runs: Sequence[Run]

    def until(self, hours: float) -> "Record":
        """Return what had happened by then."""
        readings = {
            signal: (times[: (n := bisect_right(times, hours))], values[:n])
            for signal, (times, values) in self.readings.items()
        }
        return Record(readings, [run for run in self.runs if run.finished_h <= hours])


def perform(experiments: int, data: Path) -> None:
    """Run the demo campaign; raise CalledProcessError when it fails."""
    command = [sys.executable, "-m", "daemon", "demo", "--seed", "0"]
    command += ["--experiments", str(experiments), "--data", str(data)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def read(data: Path, signals: Sequence[str]) -> Record:
    """Return what the views of a data directory tell of these signals."""
    with closing(sqlite3.connect(f"file:{data / 'taylord.sqlite'}?mode=ro", uri=True)) as store:
        (first,) = store.execute("SELECT min(time_utc) FROM v_readings").fetchone()
        origin = datetime.fromisoformat(first)
        readings = {signal: _series(store, signal, origin) for signal in signals}
        rows = store.execute(
            'SELECT n, started, finished, space_time_yield, "space_time_yield.sd"'
            " FROM v_experiments WHERE finished IS NOT NULL ORDER BY n"
        )
        runs = [
            Run(n, _hours(begun, origin), _hours(ended, origin), value, sd)
            for n, begun, ended, value, sd in rows
        ]
    return Record(readings, runs)


def _series(store: sqlite3.Connection, signal: str, origin: datetime) -> Series:
    rows: list[tuple[str, Any]] = store.execute(
        "SELECT time_utc, value FROM v_readings WHERE signal = ? AND quality = 'good'"
        " ORDER BY time_utc",
        (signal,),
    ).fetchall()
    return [_hours(t, origin) for t, _ in rows], [float(value) for _, value in rows]


def _hours(iso: str, origin: datetime) -> float:
    return (datetime.fromisoformat(iso) - origin).total_seconds() / 3600.0


def draw(record: Record, settings: Settings, window_h: float) -> Figure:
    """Return the figure: four trends over the rig's clock, and convergence below."""
    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure = plt.figure(figsize=(9, 10.5), layout="constrained")
    end = min(window_h, max(run.finished_h for run in record.runs))
    shown = record.until(end)
    trends, below = figure.subfigures(2, 1, height_ratios=[3.3, 1])
    axes = trends.subplots(4, 1, sharex=True, height_ratios=[1.2, 1.2, 0.8, 1])
    _temperature(axes[0], shown, settings)
    _flows(axes[1], shown, settings)
    _pressure(axes[2], shown, settings)
    _responses(axes[3], shown)
    for axis in axes:
        _shade(axis, record, end)
    axes[-1].set_xlim(0.0, end)
    axes[-1].set_xlabel("time on the rig's clock / h (shaded: every other experiment)")
    trends.suptitle(
        "taylord demo, simulated rig:"
        f" the first {len(shown.runs)} of {len(record.runs)} experiments",
        x=0.01, ha="left", fontsize=11, fontweight="bold",
    )  # fmt: skip
    _convergence(below.subplots(), record)
    trends.align_ylabels()
    return figure


def _temperature(axis: Axes, record: Record, settings: Settings) -> None:
    assert settings.reactor is not None
    bath = settings.reactor.thermostat
    axis.step(
        *record.readings[f"{bath}.setpoint"], where="post", color=GREY, lw=1, label="setpoint"
    )
    axis.plot(*record.readings[f"{bath}.temperature"], color=RED, lw=1.4, label="bath")
    axis.set_ylabel("temperature / °C")
    _legend(axis)


def _flows(axis: Axes, record: Record, settings: Settings) -> None:
    for feed, color in zip(settings.feeds, (BLUE, ORANGE, GREEN), strict=True):
        series = record.readings[f"{feed.pump}.flow"]
        axis.step(*series, where="post", color=color, lw=1.2, label=feed.name)
    axis.set_ylabel("flow / (mL/min)")
    axis.set_ylim(bottom=0.0)
    _legend(axis)


def _pressure(axis: Axes, record: Record, settings: Settings) -> None:
    series = record.readings[f"{settings.feeds[0].pump}.pressure"]
    axis.plot(*series, color=BLUE, lw=1.2)
    axis.set_ylabel("line pressure\n(gauge) / bar")
    axis.set_ylim(0.0, 1.25 * max(series[1]))


def _responses(axis: Axes, record: Record) -> None:
    good = [run for run in record.runs if run.response is not None]
    axis.errorbar(
        [run.finished_h for run in good],
        [run.response or 0.0 for run in good],
        yerr=[run.sd or 0.0 for run in good],
        fmt="o", ms=5, capsize=2, color=BLUE,
    )  # fmt: skip
    axis.set_ylabel(f"space-time yield\n(NMR) / ({RESPONSE_UNIT})")
    axis.set_ylim(bottom=0.0)


def _shade(axis: Axes, record: Record, end_h: float) -> None:
    for run in record.runs[::2]:
        if run.started_h < end_h:
            axis.axvspan(run.started_h, min(run.finished_h, end_h), color=SHADE, lw=0, zorder=0)


def _legend(axis: Axes) -> None:
    axis.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, frameon=False, borderpad=0.1)


def _convergence(axis: Axes, record: Record) -> None:
    good = [(run.number, run.response) for run in record.runs if run.response is not None]
    numbers = [n for n, _ in good]
    values = [value for _, value in good]
    best = [max(values[: i + 1]) for i in range(len(values))]
    axis.plot(numbers, values, "o", ms=4, color=BLUE, alpha=0.6, label="each experiment")
    axis.step(numbers, best, where="post", color=ORANGE, lw=1.8, label="best so far")
    axis.set_xlabel("experiment number")
    axis.set_ylabel(f"space-time yield\n/ ({RESPONSE_UNIT})")
    axis.set_ylim(bottom=0.0)
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.set_title("Convergence", loc="left", fontsize=11, fontweight="bold")
    _legend(axis)


def signals_of(settings: Settings) -> list[str]:
    """Return the full names of the signals drawn."""
    assert settings.reactor is not None
    bath = settings.reactor.thermostat
    flows = [f"{feed.pump}.flow" for feed in settings.feeds]
    return [f"{bath}.temperature", f"{bath}.setpoint", f"{settings.feeds[0].pump}.pressure", *flows]


def main() -> None:
    """Run the demo, or take the record of one, and write the picture."""
    parser = argparse.ArgumentParser(description="Draw the picture of a demo campaign.")
    parser.add_argument("--experiments", type=int, default=40)
    parser.add_argument("--window", type=float, default=2.5, help="hours of trends shown")
    parser.add_argument("--record", type=Path, help="draw this data directory of a demo instead")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    settings = load(example("flow.toml"))
    with TemporaryDirectory(prefix="taylord-pictures-") as folder:
        data = arguments.record or Path(folder) / "demo"
        if arguments.record is None:
            perform(arguments.experiments, data)
        figure = draw(read(data, signals_of(settings)), settings, arguments.window)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(arguments.out, dpi=110)
    print(arguments.out)


if __name__ == "__main__":
    main()
