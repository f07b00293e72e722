"""The tables of an SQLite store, and all that is asked of them."""

from __future__ import annotations

__all__ = ("APPLICATION_ID", "FORMAT", "GONE_LENGTH")

#: The format that is written, and the latest that is read: ``PRAGMA user_version``.
FORMAT = 1
#: "asyz": says whose file it is, to file(1) and to us.
APPLICATION_ID = 0x6173797A
#: Ended runs that are kept of tasks that are gone.
GONE_LENGTH = 1000

#: ``tasks`` has a row for each task, ``runs`` the ended runs of those that are there, ``owners`` the heartbeats.
#: ``gone`` has the ended runs of tasks that are not there any more. Those that came in one go are one row of it: their
#: contents, one behind the other, and a list in JSON of what else there is to each, the length of its content last. The
#: number is how many there have been by then. Instants are microseconds since 1970 UTC; payload and content are as
#: asyncz.serializers writes them.
SCHEMA = (
    """
    CREATE TABLE tasks (
        id TEXT NOT NULL PRIMARY KEY CHECK (typeof(id) = 'text'),
        due INTEGER CHECK (typeof(due) IN ('integer', 'null')),
        nominal INTEGER CHECK (typeof(nominal) IN ('integer', 'null')),
        revision INTEGER NOT NULL CHECK (typeof(revision) = 'integer'),
        executor TEXT NOT NULL CHECK (typeof(executor) = 'text'),
        final INTEGER NOT NULL CHECK (final IN (0, 1)),
        payload BLOB NOT NULL CHECK (typeof(payload) = 'blob'),
        runs TEXT NOT NULL CHECK (typeof(runs) = 'text'),
        signature BLOB NOT NULL CHECK (typeof(signature) = 'blob')
    )
    """,
    "CREATE INDEX tasks_due ON tasks (executor, due, id) WHERE due IS NOT NULL",
    "CREATE INDEX tasks_live ON tasks (id) WHERE runs <> ''",
    """
    CREATE TABLE runs (
        number INTEGER NOT NULL PRIMARY KEY,
        task TEXT NOT NULL,
        run TEXT NOT NULL,
        claimed INTEGER NOT NULL,
        state TEXT NOT NULL,
        content TEXT NOT NULL
    )
    """,
    "CREATE INDEX runs_of_task ON runs (task, claimed)",
    "CREATE INDEX runs_claimed ON runs (claimed)",
    "CREATE TABLE gone (number INTEGER NOT NULL PRIMARY KEY, heads TEXT NOT NULL, contents TEXT NOT NULL)",
    "CREATE TABLE owners (owner TEXT NOT NULL PRIMARY KEY, content TEXT NOT NULL) WITHOUT ROWID",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {FORMAT}",
)

_ROW = "id, due, nominal, revision, executor, final, payload, runs, signature"

FETCH = f"SELECT {_ROW} FROM tasks WHERE id = ?"
FETCH_ALL = f"SELECT {_ROW} FROM tasks"
#: Walks the index in order; who reads it stops where the rows are not due any more, and has seen what is next.
FETCH_DUE = f"SELECT {_ROW} FROM tasks WHERE executor = ? AND due IS NOT NULL ORDER BY due, id LIMIT ?"
FETCH_DUE_BEHIND = (
    f"SELECT {_ROW} FROM tasks WHERE executor = ? AND due IS NOT NULL AND (due, id) > (?, ?) ORDER BY due, id LIMIT ?"
)
FETCH_LIVE = f"SELECT {_ROW} FROM tasks WHERE runs <> ''"

PUT = f"INSERT INTO tasks ({_ROW}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"
SWAP = (
    "UPDATE tasks SET due = ?, nominal = ?, revision = ?, executor = ?, final = ?, payload = ?, runs = ?, signature = ?"
    " WHERE id = ? AND revision = ?"
)
REMOVE = "DELETE FROM tasks WHERE id = ? AND revision = ?"
CLEAR = "DELETE FROM tasks WHERE NOT final"

RECORD = "INSERT INTO runs (task, run, claimed, state, content) VALUES (?, ?, ?, ?, ?)"
#: Leaves the latest of the runs of a task.
PRUNE = (
    "DELETE FROM runs WHERE task = ? AND (claimed, number) <="
    " (SELECT claimed, number FROM runs WHERE task = ? ORDER BY claimed DESC, number DESC LIMIT 1 OFFSET ?)"
)
_ENDED = "task, run, claimed, state, content"
FORGET = "DELETE FROM runs WHERE task = ?"
#: Of all tasks but those that are hidden, which have live runs.
_CLEARED = "task NOT IN (SELECT id FROM tasks WHERE runs <> '' AND final)"
LEFT_BY_ALL = f"SELECT {_ENDED} FROM runs WHERE {_CLEARED} ORDER BY claimed DESC, number DESC LIMIT {GONE_LENGTH}"
FORGET_ALL = f"DELETE FROM runs WHERE {_CLEARED}"
BURY = "INSERT INTO gone (number, heads, contents) SELECT coalesce(max(number), 0) + ?, ?, ? FROM gone"
PRUNE_GONE = f"DELETE FROM gone WHERE number <= (SELECT max(number) FROM gone) - {GONE_LENGTH}"
FETCH_GONE = "SELECT heads, contents FROM gone ORDER BY number DESC"
IS_KNOWN = "SELECT count(*) FROM runs WHERE task = ? AND run = ?"
_NEWEST = " ORDER BY claimed DESC, number DESC LIMIT ?"
#: Whether of one task, whether of one state -> the ended runs of tasks that are there, the latest first.
FETCH_RUNS = {
    (False, False): f"SELECT {_ENDED} FROM runs{_NEWEST}",
    (False, True): f"SELECT {_ENDED} FROM runs WHERE state = ?{_NEWEST}",
    (True, False): f"SELECT {_ENDED} FROM runs WHERE task = ?{_NEWEST}",
    (True, True): f"SELECT {_ENDED} FROM runs WHERE task = ? AND state = ?{_NEWEST}",
}

WRITE_OWNER = (
    "INSERT INTO owners (owner, content) VALUES (?, ?) ON CONFLICT (owner) DO UPDATE SET content = excluded.content"
)
FETCH_OWNERS = "SELECT owner, content FROM owners"
REMOVE_OWNER = "DELETE FROM owners WHERE owner = ?"


def left_by(count: int) -> str:
    """Return the statement for the ended runs of so many tasks, by their ids."""
    return f"SELECT {_ENDED} FROM runs WHERE task IN ({','.join('?' * count)})"
