"""The command line: ``taylord`` (CONTRACT, command line).

Results on standard output, logs and progress on standard error; exit codes 0 done, 2 usage or
configuration, 3 ended without reaching its end, 4 tripped. Nothing heavy is imported before the
command is known.
"""

import sys
from collections.abc import Sequence
from errno import EPIPE

from daemon.cli.output import have_streams, tell, why_not_written

NOT_WRITTEN = 2  # an exit code


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code. A user's mistake never shows a traceback."""
    have_streams()
    try:
        code = _command(sys.argv[1:] if argv is None else argv)
    except SystemExit as end:  # argparse has said why
        lost = why_not_written()
        if lost is None:
            raise
        return _not_written(lost, int(end.code or 0))
    except OSError:
        lost = why_not_written(failed=True)
        if lost is None:  # something else
            raise
        return _not_written(lost, NOT_WRITTEN)
    lost = why_not_written()
    return code if lost is None else _not_written(lost, code)


def _command(argv: Sequence[str]) -> int:
    try:
        from daemon.cli.parser import parse  # Ctrl-C may come while anything is imported
        from daemon.errors import TaylordError

        arguments = parse(argv)
        try:
            return arguments.run(arguments)
        except TaylordError as error:
            tell(f"{error}")
            return error.exit_code
    except KeyboardInterrupt:
        return 130


def _not_written(lost: OSError, code: int) -> int:
    """Return the exit code when what a command had to say could not be written."""
    if lost.errno == EPIPE:
        return 0  # the reader of our output went away: it has seen enough
    tell(f"standard output cannot be written: {lost.strerror}")
    return code or NOT_WRITTEN
