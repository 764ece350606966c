"""Drivers against devices that share nothing with the simulators: typed from the sheets."""
