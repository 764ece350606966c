"""What is on, as the last readings have it."""

import pytest

from daemon.rig.still_on import UNKNOWN, on_now, still_on
from drivers.signal import Quality, Reading, SignalSpec


class Bath:
    set_temperature = heat_off = lambda self: None


class Syringe:
    set_flow = stop = lambda self: None


class Gas:
    close_flow = lambda self: None  # noqa: E731 (a class that has it is a controller)

    def __init__(self):
        self.signals = {"setpoint": self}
        self.spec = SignalSpec("setpoint", float, "mL/min", writable=True)


UNITS = {"temperature": "degC", "setpoint": "degC", "running": "", "flow": "mL/min"}


class Rig:
    """Instruments, and what was read of them: None where a reading is bad."""

    def __init__(self, instruments, **values):
        self.instruments = instruments
        self.values = {name.replace("_", "."): value for name, value in values.items()}
        self.specs = {n: SignalSpec(n, float, UNITS[n.partition(".")[2]]) for n in self.values}

    def latest(self, signal):
        value = self.values[signal]
        quality = Quality.BAD if value is None else Quality.GOOD
        return Reading(signal, value, self.specs[signal].unit, 0.0, quality)


def bath(**values):
    (row,) = still_on(Rig({"bath": Bath()}, **values)) or [None]
    return row and row["text"]


@pytest.mark.parametrize(
    ("running", "temperature", "setpoint", "said"),
    [
        (True, 79.93, 80.0, "79.93 degC (set to 80 degC)"),
        (True, None, 80.0, "on, its temperature not read (set to 80 degC)"),
        (True, 79.93, None, "79.93 degC"),
        (False, 79.93, 80.0, None),
        (None, 79.93, 80.0, UNKNOWN),
    ],
)
def test_a_bath_is_told_while_it_controls_or_nobody_knows(running, temperature, setpoint, said):
    values = {"bath_temperature": temperature, "bath_setpoint": setpoint}
    assert bath(bath_running=running, **values) == said


def test_a_bath_without_a_switch_that_can_be_read_counts_as_on():
    assert bath(bath_temperature=40.0) == "40 degC"


@pytest.mark.parametrize(("flow", "said"), [(0.05, "0.05 mL/min"), (0.0, ""), (None, UNKNOWN)])
def test_a_pump_is_told_while_it_delivers_or_nobody_knows(flow, said):
    on = on_now(Rig({"pump": Syringe()}, pump_flow=flow))
    assert on == (f"pump {said}" if said else "")


def test_heat_comes_first_and_what_does_not_act_is_left_out():
    instruments = {"pump": Syringe(), "gauge": object(), "blind": Syringe(), "bath": Bath()}
    rig = Rig(instruments, pump_flow=1.0, bath_running=True, bath_temperature=60.0)
    assert on_now(rig) == "bath 60 degC, pump 1 mL/min"


def test_a_flow_controller_is_told_by_its_setpoint():
    rig = Rig({"gas": Gas()}, gas_setpoint=2.0)
    rig.specs["gas.setpoint"] = SignalSpec("setpoint", float, "mL/min")
    assert on_now(rig) == "gas 2 mL/min"
