"""Safety: limits, interlocks, trip, watchdog."""
