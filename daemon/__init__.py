"""The application: runs the rig by its configuration, executes experiments, keeps the record."""

__version__ = "0.1.0"
DATA_ROOT = "taylord-data"  # where records go that are told no other place
