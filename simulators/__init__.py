"""Simulated instruments over one coupled plant, from the manuals and never from the drivers."""
