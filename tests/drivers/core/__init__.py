"""The core of the drivers: framing, bus, transports, tables."""
