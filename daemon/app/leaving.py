"""What a daemon that ends by itself still does: it lets go of no pump and heater that may act.

Nobody watches the rig afterwards. A signal ends the waiting: whoever sends it is there, or systemd,
which then runs ``taylord safe``.
"""

from collections.abc import Awaitable, Callable

import structlog

from daemon.rig.rig import END_TIMING
from daemon.safety.drive import SafeReport, Timing

log = structlog.get_logger(__name__)

AGAIN_TIMING = Timing(give_up_s=60.0)
TRYING = "tried until it confirms, or a signal ends the daemon: look after the rig"


async def let_go(make_safe: Callable[[str, Timing], Awaitable[SafeReport]]) -> None:
    """Make the rig safe; return when every pump and heater has confirmed."""
    reason = "the daemon ends with its campaign"
    report = await make_safe(reason, END_TIMING)
    while unsure := [o.name for o in report.outcomes if o.vital and not o.confirmed]:
        log.error("rig.kept", instruments=unsure, now=TRYING)
        report = await make_safe(reason, AGAIN_TIMING)
