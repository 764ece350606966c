"""The configuration: complete and checked before anything opens."""

from daemon.settings.models import (
    AnalysisSettings,
    CampaignSettings,
    ChemistrySettings,
    FactorSettings,
    FeedSettings,
    InstrumentSettings,
    InterlockSettings,
    MqttSettings,
    ObjectiveSettings,
    ReactorSettings,
    ResponseSettings,
    Settings,
    SimulationSettings,
)

__all__ = [
    "AnalysisSettings",
    "CampaignSettings",
    "ChemistrySettings",
    "FactorSettings",
    "FeedSettings",
    "InstrumentSettings",
    "InterlockSettings",
    "MqttSettings",
    "ObjectiveSettings",
    "ReactorSettings",
    "ResponseSettings",
    "Settings",
    "SimulationSettings",
]
