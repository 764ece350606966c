"""Drivers of laboratory instruments: bytes on a wire to named signals, and back."""
