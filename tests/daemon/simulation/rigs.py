"""Configurations for the simulation's tests."""

import tomllib
from pathlib import Path

from daemon.settings.models import Settings

FLOW = Path(__file__).parents[3] / "config" / "flow.toml"


def flow_table():
    return tomllib.loads(FLOW.read_text())


def flow(**simulation):
    """Return the example rig with further keys of [simulation]."""
    table = flow_table()
    table["simulation"] |= simulation
    return Settings.model_validate(table)


def wide_table():
    """Return a rig with every kind of instrument, and two pumps on one line."""
    table = flow_table()
    table["instruments"] |= {
        "pump-d": {
            "driver": "new-era-ne1000",
            "port": table["instruments"]["pump-b"]["port"],
            "address": 2,
            "syringe": {"diameter_mm": 26.59, "volume_ml": 60.0},
        },
        "block": {"driver": "eurotherm-3216", "port": "/dev/ttyUSB7", "address": 3},
        "oven": {"driver": "eurotherm-epc3000", "port": "modbus-tcp://192.168.10.50:502"},
        "gauge": {"driver": "keller-x-line", "port": "socket://192.168.10.60:4001"},
        "probe": {
            "driver": "mqtt-analyser",
            "port": "lab/probe",
            "style": "esphome",
            "signals": {"line": {"path": "line_pressure", "unit": "bar"}},
        },
    }
    return table


def wide():
    return Settings.model_validate(wide_table())
