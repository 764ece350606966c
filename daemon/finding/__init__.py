"""Finding instruments and looking at their lines: ``taylord scan`` and ``taylord wire``."""
