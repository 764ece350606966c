"""Soft sensors: a slow analysis, foretold from signals that are read all the time."""

from planners.softsensor.sensor import SoftSensor, Validation, fit_sensor
from planners.softsensor.table import Table, lagged, read_table

__all__ = ["SoftSensor", "Table", "Validation", "fit_sensor", "lagged", "read_table"]
