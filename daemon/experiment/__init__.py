"""Experiments: from conditions to recipe to execution."""
