"""The rig: connections, polling and the one door for setpoints."""
