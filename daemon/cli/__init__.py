"""The command line: ``taylord`` (CONTRACT, command line).

Results on standard output, logs and progress on standard error; exit codes 0 done, 2 usage or
configuration, 3 ended without reaching its end, 4 tripped. Nothing heavy is imported before the
command is known.
"""

import sys
from collections.abc import Sequence

from daemon.cli.parser import parse


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code. A user's mistake never shows a traceback."""
    arguments = parse(sys.argv[1:] if argv is None else argv)
    from daemon.errors import TaylordError

    try:
        return arguments.run(arguments)
    except TaylordError as error:
        print(f"{error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output went away: nothing left to say to it
        return 0
