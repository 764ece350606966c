"""Wires: how simulated instruments are served (memory, TCP, pseudo-terminal, Modbus, MQTT)."""
