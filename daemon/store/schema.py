"""Tables and views of ``taylord.sqlite`` (CONTRACT, data directory).

Tables are the daemon's own and may change with ``SCHEMA``; the views ``v_experiments``,
``v_readings``, ``v_events`` and ``v_commands`` are the public face. ``v_experiments`` has a column
per factor and response and is therefore made anew whenever a name is met for the first time.
"""

import json
import sqlite3
from dataclasses import dataclass, field

SCHEMA = 1
FILE_NAME = "taylord.sqlite"
LAST_END = "SELECT ended FROM boots ORDER BY n DESC LIMIT 1"  # null: it died, or still runs

TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS boots (
  n INTEGER PRIMARY KEY, boot TEXT NOT NULL, started TEXT NOT NULL, loop_origin REAL NOT NULL,
  version TEXT NOT NULL, config_hash TEXT NOT NULL, config TEXT NOT NULL, seed INTEGER,
  pid INTEGER NOT NULL, ended TEXT);
CREATE TABLE IF NOT EXISTS campaigns (
  id TEXT PRIMARY KEY, boot TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '',
  problem TEXT, planner TEXT, seed INTEGER, wanted INTEGER, config_hash TEXT,
  started TEXT NOT NULL, finished TEXT, space TEXT, standing TEXT, fault TEXT);
CREATE TABLE IF NOT EXISTS experiments (
  n INTEGER PRIMARY KEY, run TEXT NOT NULL, id TEXT NOT NULL, campaign TEXT, boot TEXT NOT NULL,
  status TEXT NOT NULL, state TEXT NOT NULL, requested TEXT, commanded TEXT, achieved TEXT,
  responses TEXT, reason TEXT, started TEXT, finished TEXT, started_t REAL, finished_t REAL,
  blameless TEXT, UNIQUE (run, id));
CREATE TABLE IF NOT EXISTS suggestions (
  n INTEGER PRIMARY KEY, run TEXT NOT NULL, id TEXT NOT NULL, campaign TEXT, boot TEXT NOT NULL,
  state TEXT NOT NULL, point TEXT, predicted TEXT, reason TEXT, origin TEXT, experiment TEXT,
  time_utc TEXT NOT NULL, instead_of TEXT, verdict TEXT, UNIQUE (run, id));
CREATE TABLE IF NOT EXISTS events (
  seq INTEGER PRIMARY KEY, boot TEXT NOT NULL, t REAL NOT NULL, time_utc TEXT NOT NULL,
  kind TEXT NOT NULL, data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS commands (
  n INTEGER PRIMARY KEY, id TEXT NOT NULL, origin TEXT NOT NULL, boot TEXT NOT NULL,
  verb TEXT NOT NULL, arguments TEXT NOT NULL, outcome TEXT NOT NULL,
  message TEXT, reply TEXT, time_utc TEXT NOT NULL, finished TEXT, UNIQUE (boot, origin, id, verb));
CREATE TABLE IF NOT EXISTS trips (
  n INTEGER PRIMARY KEY, boot TEXT NOT NULL, time_utc TEXT NOT NULL, name TEXT NOT NULL,
  signal TEXT, value REAL, threshold REAL, action TEXT, state TEXT NOT NULL, reset_utc TEXT,
  data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS alarms (
  id TEXT PRIMARY KEY, name TEXT, state TEXT NOT NULL, priority TEXT, message TEXT,
  time_utc TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS connections (
  instrument TEXT PRIMARY KEY, state TEXT NOT NULL, message TEXT, time_utc TEXT NOT NULL
  ) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS signals (
  id INTEGER PRIMARY KEY, boot TEXT NOT NULL, name TEXT NOT NULL, unit TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS qualities (
  id INTEGER PRIMARY KEY, quality TEXT NOT NULL, reason TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS readings (
  signal INTEGER NOT NULL, t_us INTEGER NOT NULL, value, quality INTEGER NOT NULL,
  PRIMARY KEY (signal, t_us)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS events_by_kind ON events (kind, seq);
CREATE VIEW IF NOT EXISTS v_readings AS
  SELECT strftime('%Y-%m-%dT%H:%M:%S', r.t_us / 1000000, 'unixepoch')
         || printf('.%03dZ', (r.t_us / 1000) % 1000) AS time_utc,
         s.name AS signal, r.value AS value, q.quality AS quality, q.reason AS reason,
         s.unit AS unit, s.boot AS boot
  FROM readings r JOIN signals s ON s.id = r.signal JOIN qualities q ON q.id = r.quality;
CREATE VIEW IF NOT EXISTS v_events AS
  SELECT seq, time_utc, boot, t, kind, data FROM events;
CREATE VIEW IF NOT EXISTS v_commands AS
  SELECT time_utc, id, origin, verb, arguments, outcome, message, reply, finished, boot
  FROM commands;
"""

# columns that files of earlier versions do not have yet; an older taylord passes them over
LATER = {
    "campaigns": ("space", "standing", "fault"),
    "suggestions": ("instead_of", "verdict"),
    "experiments": ("blameless",),
}

# columns of v_experiments that are always there, and how each is read
FIXED = {
    "id": "e.id",
    "campaign": "e.campaign",
    "status": "e.status",
    "state": "e.state",
    "started": "e.started",
    "finished": "e.finished",
    "reason": "e.reason",
    "boot": "e.boot",
    "outcome": "e.status",  # status again: an export narrows ``status`` to what a history may say
    "n": "e.n",
}

Name = tuple[str, str | None]  # of a value, and of its component in a composition


@dataclass
class Columns:
    """Names met so far, in order of first sight; the variable columns of ``v_experiments``."""

    requested: dict[Name, None] = field(default_factory=dict[Name, None])
    responses: dict[str, None] = field(default_factory=dict[str, None])
    commanded: dict[Name, None] = field(default_factory=dict[Name, None])
    achieved: dict[Name, None] = field(default_factory=dict[Name, None])

    def count(self) -> int:
        """Return how many names are known."""
        parts = (self.requested, self.responses, self.commanded, self.achieved)
        return sum(len(part) for part in parts)

    def to_json(self) -> str:
        """Return the names as they are kept in the store."""
        return json.dumps(
            {
                "requested": list(self.requested),
                "responses": list(self.responses),
                "commanded": list(self.commanded),
                "achieved": list(self.achieved),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "Columns":
        """Return what :meth:`to_json` wrote."""
        kept = json.loads(text)
        return cls(
            requested=dict.fromkeys((name, part) for name, part in kept["requested"]),
            responses=dict.fromkeys(kept["responses"]),
            commanded=dict.fromkeys((name, part) for name, part in kept["commanded"]),
            achieved=dict.fromkeys((name, part) for name, part in kept["achieved"]),
        )

    def expressions(self) -> dict[str, str]:
        """Return every column of the view, and the SQL it is read with."""
        out = dict(FIXED)
        for name in self.requested:
            _add(out, dotted(name), "factor", _value_sql("requested", name))
        for response in self.responses:
            column = _add(out, response, "response", _response_sql(response, "value"))
            _add(out, f"{column}.sd", "response", _response_sql(response, "sd"))
            _add(out, f"{column}.quality", "response", _response_sql(response, "quality"))
        for part, names in (("commanded", self.commanded), ("achieved", self.achieved)):
            for name in names:
                _add(out, f"{part}.{dotted(name)}", part, _value_sql(part, name))
        return out

    def view(self) -> str:
        """Return the statement that makes ``v_experiments``."""
        columns = ",\n".join(
            f"{sql} AS {_quoted(name)}" for name, sql in self.expressions().items()
        )
        return f"CREATE VIEW v_experiments AS SELECT\n{columns}\nFROM experiments e"


def dotted(name: Name) -> str:
    """Return ``ratio.Pt`` for a component, the name itself otherwise."""
    return name[0] if name[1] is None else f"{name[0]}.{name[1]}"


def _add(out: dict[str, str], column: str, group: str, sql: str) -> str:
    """Add a column under a name not taken yet; SQL names ignore case. Return the name."""
    taken = {name.lower() for name in out}
    while column.lower() in taken:
        column = f"{group}.{column}"
    out[column] = sql
    return column


def _quoted(name: str) -> str:
    return '"' + name.replace("\0", "").replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("\0", "").replace("'", "''") + "'"


def _value_sql(part: str, name: Name) -> str:
    # json_each compares plain keys: a JSON path would have to escape what names may hold
    key, component = name
    if component is None:
        return f"(SELECT f.value FROM json_each(e.{part}) f WHERE f.key = {_text(key)})"  # noqa: S608 (quoted)
    is_it = f"f.type = 'object' AND f.key = {_text(key)}"
    members = f"json_each(CASE WHEN {is_it} THEN f.value ELSE '{{}}' END)"
    return (
        f"(SELECT c.value FROM json_each(e.{part}) f, {members} c"  # noqa: S608 (quoted)
        f" WHERE c.key = {_text(component)})"
    )


def _response_sql(name: str, part: str) -> str:
    return (
        f"(SELECT json_extract(r.value, '$.{part}') FROM json_each(e.responses) r"  # noqa: S608 (quoted)
        f" WHERE r.key = {_text(name)} AND r.type = 'object')"
    )


def create(connection: sqlite3.Connection) -> None:
    """Make tables and views where they are missing; raise ValueError for another schema."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version not in (0, SCHEMA):
        raise ValueError(f"it has schema {version}, and this taylord knows schema {SCHEMA}")
    if version == 0:
        connection.executescript(
            f"BEGIN IMMEDIATE;{TABLES}\n{Columns().view()};PRAGMA user_version={SCHEMA};COMMIT;"
        )
    for table, columns in LATER.items():
        known = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
        for column in columns:
            if column not in known:
                connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} TEXT")
