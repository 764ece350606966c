"""``taylord replay``: a recording as a test of drivers and parsers."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daemon.cli.output import print_json

if TYPE_CHECKING:
    from daemon.trace.reading import Trace
    from daemon.trace.replay import Replayed, Seen

FAULTS_SHOWN = 20


def replay(arguments: argparse.Namespace) -> int:
    """Replay a trace; exit 0 when it matches, 3 when it does not."""
    from daemon.trace.reading import read_trace
    from daemon.trace.replay import replay as play
    from simulators.virtualtime import run

    trace = read_trace(Path(arguments.trace))
    replayed = run(play(trace), speed="max")
    document = _document(trace, replayed)
    if arguments.json:
        print_json(document)
    else:
        _show(arguments.trace, document)
    return 0 if replayed.difference is None else 3


def _document(trace: "Trace", replayed: "Replayed") -> dict[str, Any]:
    return {
        "matches": replayed.difference is None,
        "difference": replayed.difference,
        "rig": trace.head.get("rig"),
        "taylord": trace.head.get("taylord"),
        "began": trace.head.get("began"),
        "duration_s": replayed.duration_s,
        "ended": trace.ended or "cut off",
        "sent": replayed.sent,
        "results": replayed.compared,
        "instruments": {name: _seen(seen) for name, seen in replayed.instruments.items()},
    }


def _seen(seen: "Seen") -> dict[str, Any]:
    return {
        "identity": seen.identity,
        "calls": seen.calls,
        "readings": seen.readings,
        "faults": seen.faults,
    }


def _show(path: str, document: dict[str, Any]) -> None:
    for name, seen in document["instruments"].items():
        print(f"{name}: {seen['calls']} calls" + _tail(seen["identity"]))
        for signal, row in seen["readings"].items():
            bad = f", {row['bad']} bad ({', '.join(row['reasons'])})" if row["bad"] else ""
            print(f"    {signal:<18}{row['n']} readings{bad}, last {row['last']} {row['unit']}")
        for fault in seen["faults"][:FAULTS_SHOWN]:
            print(f"    {fault['t']:.3f} s  {fault['call']}: {fault['fault']}: {fault['says']}")
        if len(seen["faults"]) > FAULTS_SHOWN:
            print(f"    and {len(seen['faults']) - FAULTS_SHOWN} more faults (--json has all)")
    if document["ended"] != "closed":
        print(f"the recording does not go on to the end of the run: {document['ended']}")
    compared = f"{document['sent']} requests and {document['results']} results"
    different = document["difference"]
    if different is None:
        print(f"{path}: matches: {compared} over {document['duration_s']:.1f} s are the same")
        return
    print(
        f"{path}: differs after {compared}, at {different['t']:.3f} s: {different['where']}:"
        f" recorded {different['recorded']}, replayed {different['replayed']}"
    )


def _tail(text: str) -> str:
    return f", {text}" if text else ""
