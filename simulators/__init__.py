"""Simulated instruments over one coupled plant; written from the manuals, never from the drivers."""
