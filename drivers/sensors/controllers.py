"""What flow controllers of different makes have in common: a setpoint that a meter has not.

Many makes sell the same instrument with a valve (a controller) and without (a meter), and answer
alike. Which it is the configuration says: ``controller = false`` for a meter, whose setpoint is
then neither polled nor writable, and which has nothing to make safe.
"""

from collections.abc import Mapping
from dataclasses import replace

from drivers.errors import DeviceFault
from drivers.options import DriverOptions
from drivers.signal import Limits, SignalSpec


class ControllerOptions(DriverOptions):
    """Options of flow meters that may be controllers."""

    controller: bool = True  # false: a meter, without a valve or pump of its own


def setpoint_spec(spec: SignalSpec, *, controller: bool) -> SignalSpec:
    """Return the spec of a setpoint; that of a meter cannot be set, and is not polled."""
    return spec if controller else replace(spec, writable=False, poll_s=None)


def specs_with(specs: Mapping[str, SignalSpec], options: DriverOptions) -> dict[str, SignalSpec]:
    """Return a table as these options make it."""
    controller = getattr(options, "controller", True)
    setpoint = setpoint_spec(specs["setpoint"], controller=controller)
    return {**specs, "setpoint": setpoint}


def within_full_scale(instrument: str, configured: Limits | None, full_ml_min: float) -> Limits:
    """Return the setpoint's limits in an instrument of this full scale; raise DeviceFault."""
    try:
        return Limits(0.0, full_ml_min).narrowed(configured)
    except ValueError:
        what = f"setpoint limits {configured} lie outside its full scale [0, {full_ml_min:g}]"
        raise DeviceFault(instrument, f"{what} mL/min") from None
