"""What the hostile wire does to a driver's replies, by name.

Of the noticeable ones every driver must make nothing but bad readings and named faults. The
others a protocol can notice only when its replies carry a checksum (``Case.checksum``: damage), or
a number (repetition): without, they are counted by the benchmark. Replies that come twice when
nothing else happens are told apart by the bus, and have a test of their own.
"""

import string

from drivers.registry import driver_class
from simulators.wire import hostile

PLAIN = string.printable.encode()
NO_TEXT = bytes(sorted(set(range(256)) - set(PLAIN) - {0x02, 0x03, 0x10}))  # and no control of ours


def timeout_s(case):
    """Return how long the driver waits for one reply."""
    options = {k: v for k, v in case.options.items() if k != "topic"}
    return driver_class(case.driver).Options.model_validate(options).timeout_s


def around(deadline_s):
    """Return delays before, at, just after and long after a deadline; a fence remembers 10 s."""
    late = [0.5, 0.98, 1.0 - 1e-9, 1.0, 1.02, 1.3, 2.5]
    return [min(share * deadline_s, 7.0) for share in late] + [min(7.0, 9 * deadline_s)]


def noticeable(bench, rng):
    """Return the troubles that no driver may be deceived by."""
    line, late = bench.line, around(timeout_s(bench.case))

    def delayed(reply):
        return ((rng.choice(late), reply),)

    def cut(reply):
        return hostile.cut(rng.randrange(len(reply)), rng.choice((0.003, 0.03, *late)))(reply)

    def half(reply):
        return hostile.half(rng.randrange(len(reply)))(reply)

    def dripping(reply):
        return hostile.dripping(rng.choice((0.0002, 0.002, 0.02)))(reply)

    return {
        "delayed": delayed,
        "cut": cut,
        "half": half,
        "dripping": dripping,
        "dropped": hostile.dropped,
        "twice in one piece": hostile.twice(),
        "hang-up": hostile.HangUp(line),
        "stalling": hostile.Stalling(rng, 5.0, 0.3),
        **({} if bench.case.binary else noises(bench, rng)),
        **({"flipped": hostile.flipped(rng)} if bench.case.checksum else {}),
    }


def noises(bench, rng):
    """Return the troubles with bytes that belong to no reply; only a checksum knows them all."""
    alphabet = bytes(range(256)) if bench.case.checksum else NO_TEXT
    return {
        "noise": noise(rng, alphabet),
        "endless noise": hostile.Endless(bench.line, alphabet[:32], 0.04, 3.0),
    }


def noise(rng, alphabet):
    """Return a trouble: up to three bytes of an alphabet before and after each reply."""

    def some():
        return bytes(rng.choices(alphabet, k=rng.randrange(4)))

    return lambda reply: ((0.0, some() + reply + some()),)


def unnoticeable(bench, rng):
    """Return troubles that a protocol without checksum, or without tags, cannot notice."""
    troubles = {"twice": hostile.twice(0.02), "again": hostile.Again()}
    if bench.case.binary:
        troubles |= noises(bench, rng)
    if not bench.case.checksum:
        troubles |= {"flipped": hostile.flipped(rng), "plain noise": noise(rng, PLAIN)}
    return troubles


def all_of(bench, rng):
    """Return both kinds of troubles."""
    return {**noticeable(bench, rng), **unnoticeable(bench, rng)}
