"""Transports on real pseudo-terminals and sockets, in real time."""
