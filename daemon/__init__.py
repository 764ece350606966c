"""The application: reads the configuration, runs the rig, executes experiments, keeps the record."""

__version__ = "0.1.0"
