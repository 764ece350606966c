"""The space in force: as the file has it, or as somebody edited it while the campaign ran."""

from dataclasses import dataclass

from daemon.campaign.space import differences, space_of, with_space
from daemon.errors import ConfigError, Refused
from daemon.settings.check_space import space_faults
from daemon.settings.models import CampaignSettings, Settings
from daemon.store.stored import StoredCampaign


@dataclass(frozen=True)
class InForce:
    """The settings to go on with, and what the file changed since the record was made.

    ``changes`` is None when the file has the space it had.
    """

    settings: Settings
    changes: tuple[str, ...] | None = None


def in_force(settings: Settings, left: StoredCampaign | None) -> InForce:
    """Return the space to go on with: whoever changed it last, command or file, decides.

    Raises ConfigError when the space edited by command does not fit the file any more.
    """
    section = settings.campaign
    if section is None or left is None or not left.space.get("current"):
        return InForce(settings)
    configured, current = left.space["configured"], left.space["current"]
    if configured != space_of(section):
        before = _with_space(section, current)
        return InForce(settings, tuple(differences(before, section)))
    if current == configured:
        return InForce(settings)
    kept = settings.model_copy(update={"campaign": _with_space(section, current)})
    faults = space_faults(kept)
    if faults:
        what = "the space edited by command does not fit this file any more"
        advice = "edit the space in the file, and the file's holds"
        raise ConfigError([f"{what}: {fault} ({advice})" for fault in faults])
    return InForce(kept)


def _with_space(section: CampaignSettings, space: dict[str, object]) -> CampaignSettings:
    try:
        return with_space(section, space)
    except Refused as error:
        raise ConfigError([f"the space on record cannot be read: {error}"]) from None
