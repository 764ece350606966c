"""The commands that steer a running campaign, as rows of the table."""

from daemon.cli.command import BROKER, JSON, TIMEOUT, Argument, Command, arg

RIG = arg("rig", metavar="RIG", help="the rig's name, as in its configuration")
REASON = arg("--reason", default="", metavar="TEXT", help="why; kept in the record")
BY = arg("--by", metavar="NAME", help="who; kept in the record (default: your login)")
SUGGESTION = arg(
    "suggestion",
    metavar="SUGGESTION",
    nargs="?",
    help="its id, such as s-0007 (default: the one that waits longest)",
)


def _pairs(name: str, metavar: str, help_: str, dest: str) -> Argument:
    return arg(name, action="append", default=[], metavar=metavar, dest=dest, help=help_)


FIX = _pairs("--fix", "NAME=VALUE", "hold a factor at a value; repeat", "fix")

STEERING = (
    Command(
        "approve",
        "let a proposed point of a running campaign be run",
        "steering:approve",
        (RIG, SUGGESTION, REASON, BY, BROKER, TIMEOUT, JSON),
    ),
    Command(
        "reject",
        "refuse a proposed point; with --fix ask again with factors held",
        "steering:reject",
        (RIG, SUGGESTION, FIX, REASON, BY, BROKER, TIMEOUT, JSON),
    ),
    Command(
        "result",
        "hand in results of a running campaign that were measured elsewhere",
        "steering:result",
        (
            RIG,
            arg("experiment", metavar="EXPERIMENT", nargs="?", help="its id, such as e-0007"),
            arg("values", metavar="NAME=VALUE", nargs="*", help="or NAME=VALUE+-SD"),
            arg("--csv", metavar="FILE", help="a table: columns id, the responses, their .sd"),
            _pairs("--response", "NAME", "a column of the table that is new; repeat", "response"),
            BY,
            BROKER,
            TIMEOUT,
            JSON,
        ),
    ),
    Command(
        "space",
        "edit the space of a running campaign: ranges, lists, fixed factors, constraints",
        "steering:space",
        (
            RIG,
            _pairs("--range", "NAME=LOW:HIGH", "another range; a side left out stays", "ranges"),
            _pairs("--values", "NAME=A,B", "all values of a discrete or categorical one", "values"),
            _pairs("--limits", "NAME.PART=LOW:HIGH", "limits of a composition's part", "limits"),
            _pairs("--most", "NAME=N", "so many parts of a composition at once", "most"),
            FIX,
            _pairs("--free", "NAME", "let a factor that was fixed vary again", "free"),
            _pairs(
                "--constrain",
                "'2 A + 1 B <= 5'",
                "add a constraint: a sum with blanks around + and -, or a formula",
                "constraints",
            ),
            _pairs("--drop-constraint", "N", "drop one by its number, from 0", "drop"),
            REASON,
            BY,
            BROKER,
            TIMEOUT,
            JSON,
        ),
    ),
)
