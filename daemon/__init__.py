"""The application: runs the rig by its configuration, executes experiments, keeps the record."""

__version__ = "0.1.0"
