"""A plant to test with: the flow rig of the example configuration, and a clock set by hand."""

from dataclasses import dataclass, replace

from simulators.chemistries import snar_hone_2017
from simulators.spec import (
    AnalyserSpec,
    CoilSpec,
    FeedSpec,
    HeaterSpec,
    PlantSpec,
    PressureSpec,
    PumpSpec,
)
from simulators.world import World


@dataclass
class HandClock:
    """A clock that stands still until it is set."""

    t: float = 1000.0

    def __call__(self) -> float:
        return self.t

    def pass_(self, seconds: float) -> None:
        self.t += seconds


FLOW_RIG = PlantSpec(
    feeds=(
        FeedSpec("substrate", "pump-a", {"dfnb": 2.0}, dead_volume_ml=0.10),
        FeedSpec("amine", "pump-b", {"pyrrolidine": 4.2}, dead_volume_ml=0.10),
        FeedSpec("solvent", "pump-c"),
    ),
    pumps=(PumpSpec("pump-a"), PumpSpec("pump-b", syringe_ml=60.0), PumpSpec("pump-c")),
    coil=CoilSpec(volume_ml=1.0, inner_diameter_mm=0.8, thermostat="bath"),
    chemistry=snar_hone_2017(),
    heaters=(HeaterSpec("bath"),),
    pressures=(PressureSpec("line"), PressureSpec("exit", at="outlet")),
    analysers=(AnalyserSpec("nmr"),),
    outlet_volume_ml=0.35,
    back_pressure_bar=7.0,
    noise=False,
)


def rig(**changes):
    """Return a world of the flow rig with these parts changed, and its clock."""
    clock = HandClock()
    return World(replace(FLOW_RIG, **changes), clock, seed=1), clock


def run(world, *, c=0.3, equivalents=2.0, tau_s=60.0):
    """Set the three pumps for these conditions."""
    total = 60.0 * world.spec.coil.volume_ml / tau_s
    substrate, amine = total * c / 2.0, total * c * equivalents / 4.2
    world.pump("pump-a").set_flow(substrate)
    world.pump("pump-b").set_flow(amine)
    world.pump("pump-c").set_flow(total - substrate - amine)


def heated(degc, **changes):
    """Return a world whose bath has reached a temperature, and its clock."""
    world, clock = rig(**changes)
    world.heater("bath").set_goal(degc)
    clock.pass_(3600.0)
    return world, clock
