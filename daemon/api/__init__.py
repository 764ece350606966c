"""The MQTT API: state, events and readings out, commands in (CONTRACT, MQTT)."""
