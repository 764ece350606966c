"""The store: one SQLite file, readable while the daemon runs."""
