"""The fuzz targets under atheris, which is guided by coverage; not part of the test suite.

    pip install atheris
    python -m tests.fuzz.with_atheris codecs -max_total_time=600
    python -m tests.fuzz.with_atheris drivers -max_total_time=600 [FOLDER OF A CORPUS]
    python -m tests.fuzz.with_atheris simulators -max_total_time=600

What follows the target goes to libFuzzer. A finding ends the run with the traceback, and leaves
the input in a file ``crash-…``; the same command with that file as its last word repeats it.
"""

import sys
from functools import cache

import atheris

with atheris.instrument_imports(include=["drivers", "simulators.instruments", "simulators.wire"]):
    from drivers.registry import driver_class
    from tests.fuzz import targets

    for one in targets.WIRED:
        driver_class(one.driver)  # imports it here

NAMES = sorted(targets.CODECS)


@cache
def requests_of(number):
    return targets.requests_of(targets.WIRED[number])


def pieces_of(given):
    """Return up to eight pieces of bytes."""
    return [given.ConsumeBytes(given.ConsumeIntInRange(0, 64)) for _ in range(8)]


def edits_of(given):
    """Return up to two edits of a message."""
    return [
        (
            given.ConsumeIntInRange(0, 400),
            given.ConsumeIntInRange(0, 4),
            given.ConsumeBytes(given.ConsumeIntInRange(0, 6)),
        )
        for _ in range(given.ConsumeIntInRange(0, 2))
    ]


def codecs(data):
    given = atheris.FuzzedDataProvider(data)
    name = given.PickValueInList(NAMES)
    pieces = pieces_of(given)
    codec = targets.CODECS[name]()
    frames = targets.frames_of(codec, pieces)
    assert targets.held_by(codec) <= targets.HELD
    if name not in targets.WHOLE_ONLY:
        assert targets.frames_of(targets.CODECS[name](), [b"".join(pieces)]) == frames


def drivers(data):
    given = atheris.FuzzedDataProvider(data)
    case = given.PickValueInList(targets.WIRED)
    targets.fuzz_driver(case, lambda: edits_of(given))


def simulators(data):
    given = atheris.FuzzedDataProvider(data)
    number = given.ConsumeIntInRange(0, len(targets.WIRED) - 1)
    known = given.PickValueInList(requests_of(number))
    edited = targets.mutated(known, edits_of(given))
    targets.fuzz_simulator(targets.WIRED[number], [*pieces_of(given), edited])


TARGETS = {"codecs": codecs, "drivers": drivers, "simulators": simulators}


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(__doc__)
    target = TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
