"""Finding instruments, in virtual time."""
