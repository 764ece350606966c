"""Every registered driver against its simulated instrument, on a wire that misbehaves."""
