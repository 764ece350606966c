"""The shape of a configuration file (CONTRACT, configuration), as frozen pydantic models.

Units: mL, mL/min, degC, bar, s, mol/L, and min for residence times of factors; a string with a
unit is converted by ``daemon.units`` before it is checked here. Cross-checks between sections are
in ``daemon.settings.check``; this module knows one section at a time.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from daemon.units import Bar, DegC, Flow, Millimetre, Molar, Seconds, Volume

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$", max_length=64)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Pair = Annotated[tuple[float | str, float | str], Field(strict=False)]  # TOML has lists alone
Fraction = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[tuple[float, float], Field(strict=False)]


class Strict(BaseModel):
    """Reject unknown keys: a typo must not become a default."""

    # strict: "40" is no number and true is not 1
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)


class MqttSettings(Strict):
    """The broker the daemon is commanded through; no section, no MQTT."""

    host: Annotated[str, Field(min_length=1)] = "localhost"
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    username: str | None = None
    password_file: str | None = None
    tls_ca_file: str | None = None
    prefix: Annotated[str, Field(pattern=r"^[^+#/\s$][^+#\s]*$")] = "taylord"  # of every topic
    bare_signals: bool = False  # also publish signal/<instrument>/<signal>


class InstrumentSettings(BaseModel):
    """One instrument; keys beyond these are options of its driver and are checked by it."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False, strict=True)

    driver: str
    port: str
    address: int | str | None = None
    poll_s: Annotated[float, Field(gt=0, le=3600)] | None = None
    limits: dict[str, Pair] = Field(default_factory=dict)

    @property
    def options(self) -> dict[str, Any]:
        """Return the driver's own keys (``address`` among them when given)."""
        own = dict(self.model_extra or {})
        if self.address is not None:
            own["address"] = self.address
        return own


class FeedSettings(Strict):
    """One stock and the pump that delivers it; a feed without solutes dilutes."""

    name: Name
    pump: Name
    solutes: dict[str, Molar] = Field(default_factory=dict)  # species -> mol/L
    dead_volume_ml: Volume = 0.0
    stock_ml: Volume | None = None  # None: not budgeted
    density_g_ml: Positive = 1.0
    valve: Name | None = None  # that its pump delivers through; None: the line is always open
    position: Annotated[int, Field(ge=1)] | None = None  # of that valve, open to this feed


class ReactorSettings(Strict):
    """The reactor, from the mixer to the analyser."""

    kind: Literal["coil", "droplet"] = "coil"
    volume_ml: Volume
    inner_diameter_mm: Millimetre
    thermostat: Name
    outlet_volume_ml: Volume = 0.0
    back_pressure: Bar = 0.0
    max_pressure: Bar = 20.0
    heat_needs_flow: bool = False  # refuse heat while no pump delivers
    expansion_per_k: Annotated[float, Field(ge=0, lt=0.01)] = (
        0.0  # thermal expansion of the solvent
    )
    solvent_boiling: DegC | None = None  # at the back pressure; bounds the temperature
    diffusivity_m2_s: Positive = 1e-9


class ChemistrySettings(Strict):
    """What is counted: species by the names used in ``solutes`` and ``analysis``."""

    limiting: str
    product: str
    molar_mass: dict[str, Positive] = Field(default_factory=dict)  # g/mol; else from the chemistry


class PeakSettings(Strict):
    """Where one species shows in the spectrum, and how strongly."""

    low: float
    high: float
    nuclei: Positive = 1.0  # response per mol/L, relative to ``gain``


class AnalysisSettings(Strict):
    """The analyser, and how its raw data become concentrations."""

    instrument: Name
    peaks: dict[str, PeakSettings] = Field(default_factory=dict)  # else from the chemistry
    gain: Positive = 1.0
    samples: Annotated[int, Field(ge=1, le=20)] = 2  # measurements at steady state, at least
    tolerance: Annotated[float, Field(gt=0, lt=1)] = (
        0.02  # steady-state tolerance, fraction of scale
    )
    mass_balance: Annotated[tuple[float, float], Field(strict=False)] = (0.85, 1.15)


class ResponseSettings(Strict):
    """One response; keys beyond the name are options of its class."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False, strict=True)

    name: Name
    kind: str | None = None  # entry point; default: the name itself


class FactorSettings(Strict):
    """One factor of the campaign (CONTRACT, problems)."""

    name: str
    kind: Literal["continuous", "discrete", "categorical", "composition"] = "continuous"
    low: float | str | None = None
    high: float | str | None = None
    values: list[float] | None = None
    levels: list[Name] | None = None  # feeds, of which one flows at a time
    dropped: list[Name] = Field(default_factory=list)  # levels once, whose feeds stand now
    descriptors: dict[Name, dict[str, float]] = Field(default_factory=dict)  # of the levels
    components: list[Name] | None = None  # feeds whose shares of their joint flow vary
    limits: dict[Name, Share] = Field(default_factory=dict)  # of a component's amount
    total: Positive = 1.0  # what the amounts of the components add up to
    max_components: Annotated[int, Field(ge=1)] | None = None  # flowing at once
    transform: Literal["none", "log", "reciprocal_kelvin"] = "none"
    fixed: float | str | dict[str, float] | None = None  # held at this value for now

    @property
    def listed(self) -> list[float] | list[str]:
        """Return the values of a discrete factor, or the levels of a categorical one."""
        return self.values or self.levels or []


class ObjectiveSettings(Strict):
    """What the planner is after."""

    response: Name
    goal: Literal["maximise", "minimise", "target"] = "maximise"
    low: float | None = None
    high: float | None = None


class PlannerCommand(Strict):
    """A planner that is another program."""

    command: Annotated[list[str], Field(min_length=1)]
    folder: str = ""  # in which it is started; empty: the configuration's own (settings.paths)
    timeout_s: Positive = 600.0


class StopSettings(Strict):
    """When enough is known: any rule that holds ends the campaign in good order."""

    regret_below: Positive | None = None  # expected regret of the best, unit of the response
    no_improvement: Annotated[int, Field(ge=1)] | None = None  # experiments without a new best
    reached: dict[Name, float] = Field(default_factory=dict)  # response -> value good enough
    targets_met: bool = False  # every goal "target" is met
    probability: Fraction = 0.8  # with which a run must reach what is asked for
    least: Annotated[int, Field(ge=1)] = 10  # experiments before any rule acts


class CampaignSettings(Strict):
    """Experiments chosen by a planner."""

    planner: str | PlannerCommand = "bayes"
    options: dict[str, Any] = Field(default_factory=dict)
    experiments: Annotated[int, Field(ge=1, le=100_000)] = 20
    factors: Annotated[list[FactorSettings], Field(min_length=1)]
    objectives: Annotated[list[ObjectiveSettings], Field(min_length=1)]
    # conditions that do not vary
    fixed: dict[str, float | str | dict[str, float]] = Field(default_factory=dict)
    constraints: list[dict[str, Any]] = Field(default_factory=list)
    stop: StopSettings = Field(default_factory=StopSettings)  # rules that end it early
    pending: Annotated[int, Field(ge=1, le=16)] = 1  # points asked ahead
    batch: Annotated[int, Field(ge=1, le=16)] = 1  # points asked for together, all run before more
    shared: list[str] = Field(default_factory=list)  # factors with one value in a whole batch
    cost: Literal["none", "time"] = "none"  # what the planner is told a point costs
    ramp_k_min: Positive | None = None  # how fast the reactor's temperature changes
    seed: int = 0
    approve: bool = False  # a person approves or vetoes each suggestion
    on_restart: Literal["resume", "safe", "ask"] = "ask"
    start: Literal["auto", "command"] = "auto"
    max_failures: Annotated[int, Field(ge=1)] = 3  # failed experiments in a row end the campaign
    hold_at_most: Seconds | None = None  # then heat and pumps go off; None: kept warm for ever
    flush_volumes: Annotated[float, Field(ge=0, le=100)] = 3.0
    trickle: Flow = 0.05
    temperature_tolerance: Positive = 1.0  # K
    temperature_timeout: Seconds = 7200.0
    temperature_hold: Seconds = 30.0
    safe_temperature: DegC = 50.0  # shutdown keeps solvent flowing above this


class InterlockSettings(Strict):
    """One row of the safety table; any violated row acts (DOMAIN 8)."""

    name: str
    signal: str
    above: float | str | None = None
    below: float | str | None = None
    rate_above: Positive | None = None  # unit of the signal per s
    stale_s: Positive | None = None  # default: 3 poll periods; stale counts as a violation
    disagrees_with: str | None = None
    by: Positive | None = None  # allowed disagreement
    flow_deficit: Fraction | None = None  # ``signal`` below (1 - this) of what was commanded
    flow_of: list[str] = Field(default_factory=list)  # whose commands; default: the signal's own
    delay_s: Annotated[float, Field(ge=0)] = 0.0
    action: Literal["warn", "hold", "trip"] = "trip"
    latching: bool = True


class FaultSettings(Strict):
    """A fault injected into the simulated rig at a time."""

    kind: Literal[
        "clog",
        "leak",
        "stall",
        "air",
        "empty",
        "dead_sensor",
        "heater_stuck",
        "silent",
        "garbage",
        "unplug",
    ]
    at: Seconds
    instrument: Name | None = None
    duration: Seconds | None = None
    size: float = 1.0


class SimulationSettings(Strict):
    """The simulated plant; ignored on the real rig."""

    chemistry: str
    seed: int = 0
    dispersion: bool = True
    noise: bool = True
    ambient: DegC = 22.0
    compliance_ul_bar: Positive = 5.0
    places: dict[Name, str] = Field(default_factory=dict)  # sensor -> feed, inlet, outlet or waste
    faults: list[FaultSettings] = Field(default_factory=list)


class Settings(Strict):
    """A whole configuration file."""

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_-]*$", max_length=64)]
    mqtt: MqttSettings | None = None
    instruments: dict[Name, InstrumentSettings]
    feeds: list[FeedSettings] = Field(default_factory=list)
    reactor: ReactorSettings | None = None
    chemistry: ChemistrySettings | None = None
    analysis: AnalysisSettings | None = None
    responses: list[ResponseSettings] = Field(default_factory=list)
    campaign: CampaignSettings | None = None
    interlocks: list[InterlockSettings] = Field(default_factory=list)
    simulation: SimulationSettings | None = None
