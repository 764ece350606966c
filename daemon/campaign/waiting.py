"""What a campaign waits for, and what becomes of the rig meanwhile, in words."""

from collections.abc import Sequence
from typing import Protocol

from daemon.campaign.memory import Memory
from daemon.campaign.resting import REST_S, word_for
from daemon.campaign.states import State
from daemon.settings.models import CampaignSettings

ASKED = "the planner is asked for the next point"
RESUME = "waits for campaign.resume, .stop or .abort"
RESTS_THEN = f"after {REST_S / 60:g} min with nothing to run, heat and pumps go off by themselves"
STAYS_ON = "heat and solvent stay on until then (campaign.hold_at_most would end that)"


class Host(Protocol):
    """What this needs of the campaign."""

    settings: CampaignSettings
    memory: Memory
    state: State
    experiment: str

    @property
    def warm(self) -> bool:
        """Return whether an experiment has left the rig at its temperature."""
        ...


def waits_for(campaign: Host, lacking: Sequence[str]) -> str:
    """Return what is waited for, and how long the rig is kept warm; empty while something runs.

    ``lacking`` are the instruments that an experiment needs and that are away or not ready.
    """
    if campaign.state is State.HELD:
        return f"{RESUME}; {_kept_warm(campaign.settings.hold_at_most)}"
    if campaign.state is not State.RUNNING or campaign.experiment:
        return ""
    memory = campaign.memory
    if memory.waiting:
        return f"waits for instruments: {'; '.join(lacking)}" if lacking else ""
    why = word_for(memory.proposed) if memory.proposed else ASKED
    return f"{why}; {RESTS_THEN}" if campaign.warm else why


def _kept_warm(hold_at_most_s: float | None) -> str:
    """Return how long a hold keeps heat and the trickle of solvent."""
    if hold_at_most_s is None:
        return STAYS_ON
    return f"heat and solvent go off when it was held for {hold_at_most_s / 60:g} min"
