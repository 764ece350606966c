"""Whole virtual days: configuration in, record out."""
