"""The first transaction of a start: who starts, and what the last one left in flight."""

import os
from dataclasses import dataclass, replace

from daemon import __version__
from daemon.store.documents import clean, config_hash, to_json
from daemon.store.ledger import Ledger
from daemon.store.recorder import Recorder
from daemon.store.schema import LAST_END, SCHEMA, Columns
from daemon.store.telemetry import Statement, Telemetry
from daemon.timebase import Timebase


@dataclass(frozen=True, slots=True)
class BootNote:
    """What is kept of one start of the daemon; ``loop_t`` in s."""

    boot: str
    started: str
    loop_t: float
    config_text: str
    seed: int | None
    rig: str


@dataclass(frozen=True, slots=True)
class Opened:
    """What goes on recording, and what the last end left: experiments in flight, a rig not safe."""

    recorder: Recorder
    telemetry: Telemetry
    interrupted: tuple[str, ...]
    died: bool  # the last start did not end in good order


def opened(ledger: Ledger, note: BootNote, timebase: Timebase) -> Opened:
    """Write the start down, and mark what the last one left in flight."""
    read = ledger.connection.execute
    in_flight = read(
        "SELECT n, run, id FROM experiments WHERE status IN ('pending', 'running') ORDER BY n"
    ).fetchall()
    seq = int(read("SELECT COALESCE(MAX(seq), 0) + 1 FROM events").fetchone()[0])
    last_end = read(LAST_END).fetchone()
    died = last_end is not None and last_end[0] is None
    note = _own_id(note, {row[0] for row in read("SELECT boot FROM boots")})
    rows = [*_boot_rows(note), ("UPDATE alarms SET state = 'cleared'", ())]  # none stands yet
    for n, _, experiment in in_flight:
        rows += _interrupted(note, seq, n, experiment)
        seq += 1
    ledger.write(rows)
    last = read("SELECT id, state FROM campaigns ORDER BY rowid DESC LIMIT 1").fetchone()
    kept = read("SELECT value FROM meta WHERE key = 'columns'").fetchone()
    recorder = Recorder(
        note.boot,
        timebase,
        note.loop_t,
        next_seq=seq,
        columns=Columns.from_json(kept[0]) if kept else None,
        campaign=last[0] if last and last[1] != "complete" else None,
        campaigns=int(read("SELECT COUNT(*) FROM campaigns").fetchone()[0]),
    )
    telemetry = Telemetry(
        note.boot,
        timebase,
        next_signal=int(read("SELECT COALESCE(MAX(id), 0) + 1 FROM signals").fetchone()[0]),
        qualities={(q, r): i for i, q, r in read("SELECT id, quality, reason FROM qualities")},
    )
    interrupted = tuple(experiment for _, _, experiment in in_flight)
    return Opened(recorder, telemetry, interrupted, died)


def _own_id(note: BootNote, taken: set[str]) -> BootNote:
    """Return the note under a boot id of its own: in virtual time starts repeat themselves."""
    boot, n = note.boot, 1
    while boot in taken:
        n += 1
        boot = f"{note.boot}-{n}"
    return replace(note, boot=boot)


def _boot_rows(note: BootNote) -> list[Statement]:
    config = clean(note.config_text)
    digest = config_hash(note.config_text)
    meta = {
        "schema": str(SCHEMA),
        "version": __version__,
        "rig": clean(note.rig),
        "boot": note.boot,
        "seed": None if note.seed is None else str(note.seed),
        "config": config,
        "config_hash": digest,
        "started": note.started,
    }
    rows: list[Statement] = [
        ("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", pair) for pair in meta.items()
    ]
    rows.append(
        (
            "INSERT INTO boots (boot, started, loop_origin, version, config_hash, config, seed,"
            " pid) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                note.boot,
                note.started,
                note.loop_t,
                __version__,
                digest,
                config,
                note.seed,
                os.getpid(),
            ),
        )
    )
    return rows


def _interrupted(note: BootNote, seq: int, n: int, experiment: str) -> list[Statement]:
    """Mark one experiment; the mark is in the event log as well."""
    reason = "the daemon ended while the experiment was in flight"
    document = {"what": "experiment interrupted", "experiment": experiment, "why": reason}
    return [
        (
            "UPDATE experiments SET status = 'interrupted', state = 'interrupted',"
            " reason = ?, finished = ? WHERE n = ?",
            (reason, note.started, n),
        ),
        (
            "INSERT INTO events (seq, boot, t, time_utc, kind, data) VALUES (?, ?, 0, ?, ?, ?)",
            (seq, note.boot, note.started, "decision", to_json(document)),
        ),
    ]
