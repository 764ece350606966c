"""Sections of a configuration that experiments rest on."""

from daemon.settings.models import CampaignSettings, ReactorSettings, Settings


def campaign_of(settings: Settings) -> CampaignSettings:
    """Return the campaign's section; its defaults when there is none (a single experiment)."""
    if settings.campaign is not None:
        return settings.campaign
    return CampaignSettings.model_construct(**_DEFAULTS)


_DEFAULTS = {
    name: info.get_default(call_default_factory=True)
    for name, info in CampaignSettings.model_fields.items()
    if not info.is_required()
}


def reactor_of(settings: Settings) -> ReactorSettings:
    """Return the reactor's section; raise ValueError when there is none."""
    if settings.reactor is None:
        raise ValueError("a recipe needs a reactor; feasibility refuses conditions without one")
    return settings.reactor
