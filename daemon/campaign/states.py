"""The states of a campaign, by their ISA-88 names, and which command is allowed in which."""

from enum import StrEnum

from daemon.errors import Refused


class State(StrEnum):
    """ISA-88 state names (ANSI/ISA-88.00.01, procedural states)."""

    IDLE = "idle"
    RUNNING = "running"
    HOLDING = "holding"
    HELD = "held"
    STOPPING = "stopping"
    STOPPED = "stopped"
    ABORTING = "aborting"
    ABORTED = "aborted"
    COMPLETE = "complete"


NO_RECORD = "the record cannot be written: "  # why a campaign is held, and what the fault is

ENDED = frozenset({State.STOPPED, State.ABORTED, State.COMPLETE})
ENDING = frozenset({State.STOPPING, State.ABORTING})

# command -> (states it is allowed in, state it leads to)
COMMANDS: dict[str, tuple[frozenset[State], State]] = {
    "start": (ENDED | {State.IDLE}, State.RUNNING),
    "hold": (frozenset({State.RUNNING}), State.HOLDING),
    "resume": (frozenset({State.HOLDING, State.HELD}), State.RUNNING),
    "stop": (frozenset({State.RUNNING, State.HOLDING, State.HELD}), State.STOPPING),
    "abort": (
        frozenset({State.RUNNING, State.HOLDING, State.HELD, State.STOPPING}),
        State.ABORTING,
    ),
}


def after(command: str, state: State) -> State:
    """Return the state a command leads to; raise Refused when the state forbids it."""
    allowed, leads_to = COMMANDS[command]
    if state not in allowed:
        names = ", ".join(sorted(allowed))
        raise Refused(
            f"campaign.{command} is refused while the campaign is {state}; allowed: {names}"
        )
    return leads_to
