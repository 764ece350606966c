"""The commands around a rig, as rows: points, models, data out, what is installed, a first file."""

from daemon.cli.command import (
    JSON,
    Command,
    arg,
    seconds,
)

PLANNING = (
    Command(
        "suggest",
        "ask a planner alone; no rig needed",
        "knowledge:suggest",
        (
            arg("problem", metavar="PROBLEM.json"),
            arg("--history", metavar="FILE.csv", help="what was measured so far"),
            arg("-n", type=int, default=1, metavar="N", help="how many points"),
            arg("--planner", metavar="NAME", help="an installed planner (default: bayes)"),
            arg(
                "--command",
                dest="program",
                metavar="'PROGRAM ARGUMENT …'",
                help="ask this program instead, as a campaign does",
            ),
            arg(
                "--timeout",
                type=seconds,
                default=600.0,
                metavar="S",
                help="wait this long for the program (default: 600)",
            ),
            arg(
                "--option",
                action="append",
                default=[],
                metavar="K=V",
                help="an option of the planner; repeat",
            ),
            arg(
                "--fix",
                action="append",
                default=[],
                metavar="NAME=VALUE",
                help="hold a factor at a value; repeat",
            ),
            arg(
                "--shared",
                action="append",
                default=[],
                metavar="NAME",
                help="one value of this factor for all N points; repeat",
            ),
            arg(
                "--out",
                metavar="FILE.csv",
                help="write the points here as well, to fill in the results",
            ),
            arg(
                "--plots",
                metavar="DIR",
                help="write pictures of the model here (PNG; needs matplotlib)",
            ),
            arg("--seed", type=int, default=0, metavar="N"),
            JSON,
        ),
        instead="--history",
    ),
    Command(
        "select",
        "which model describes a table of runs best, and how far to believe it",
        "selecting:select",
        (
            arg("table", metavar="DATA.csv", help="one row per run, one column per factor"),
            arg("--response", required=True, metavar="NAME", help="the column to explain"),
            arg("--factors", metavar="A,B", help="the columns to explain it by (default: all)"),
            arg("--problem", metavar="FILE.json", help="take factors and transforms from here"),
            arg("--group", metavar="NAME", help="rows of equal value here are left out together"),
            arg(
                "--transform",
                action="append",
                default=[],
                metavar="NAME=KIND",
                help="log, or reciprocal_kelvin of degC (reciprocal_kelvin_from_K); repeat",
            ),
            arg(
                "--mend",
                choices=["none", "drop", "ratios"],
                default="none",
                help="components that add up to a constant: leave one out, or take log-ratios",
            ),
            arg("--predict", metavar="FILE.csv", help="conditions to predict with the model"),
            arg("--quick", action="store_true", help="only a few fast kinds of models"),
            JSON,
        ),
    ),
    Command(
        "export",
        "data out of a data directory",
        "data:export",
        (
            arg("data", metavar="DATA", help="data directory"),
            arg("--format", choices=["csv", "json"], default="csv"),
            arg("--out", metavar="PATH", required=True, help="the file; - is standard output"),
            arg("--force", action="store_true", help="replace an existing file"),
        ),
    ),
    Command(
        "drivers", "installed drivers, with their signals and options", "knowledge:drivers", (JSON,)
    ),
    Command("planners", "installed planners, with their options", "knowledge:planners", (JSON,)),
    Command(
        "schema",
        "JSON Schema of configuration and problem, AsyncAPI of the MQTT topics",
        "knowledge:schema",
        (arg("what", choices=["config", "problem", "mqtt"]),),
    ),
    Command(
        "init",
        "write a starting configuration with comments",
        "knowledge:init",
        (
            arg("dir", metavar="DIR", nargs="?", default="."),
            arg(
                "--example",
                metavar="NAME",
                help="which rig: flow (default), heated-block, catalysts (chooses among feeds)",
            ),
            arg(
                "--planners",
                action="store_true",
                help="write programs that ask other people's planners instead, and a rig with one",
            ),
        ),
    ),
)
