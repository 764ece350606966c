"""Helpers and tests that use real services: brokers, sockets, processes."""
