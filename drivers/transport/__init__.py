"""Byte transports: serial, TCP, memory, trace."""
