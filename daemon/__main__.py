"""``python -m daemon`` is ``taylord``."""

import sys

from daemon.cli import main

sys.exit(main())
