"""Everything the sandbox remembers, in SQLite: a file with `--state`, else memory.

Each request is one transaction, committed before it is answered. In a file, the write-ahead log makes an
acknowledged write survive SIGKILL. One process at a time has the file.
"""

import contextlib
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

SCHEMA_VERSION = 1

# `scope` is `{appID}` or `{appID}/groups|users|things/{id}`; `resource` is a scope, or a scope followed by
# `/topics/{id}`, `/buckets/{id}` or `/buckets/{id}/objects/{id}`; `bucket` and `object` are resources too;
# `subject` and `owner` are ACL subjects (`UserID:...`). Times: Unix milliseconds; `data`, `payload`: JSON.
SCHEMA = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE apps (
    app_id TEXT PRIMARY KEY, app_key TEXT NOT NULL,
    client_id TEXT NOT NULL UNIQUE, client_secret TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE users (
    app_id TEXT NOT NULL, user_id TEXT NOT NULL, login_name TEXT, email TEXT, phone TEXT,
    password TEXT NOT NULL, data TEXT NOT NULL, created INTEGER NOT NULL,
    PRIMARY KEY (app_id, user_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX users_login_name ON users (app_id, login_name);
CREATE UNIQUE INDEX users_email ON users (app_id, email);
CREATE UNIQUE INDEX users_phone ON users (app_id, phone);
CREATE TABLE groups (
    app_id TEXT NOT NULL, group_id TEXT NOT NULL, name TEXT NOT NULL, owner TEXT, created INTEGER NOT NULL,
    PRIMARY KEY (app_id, group_id)
) WITHOUT ROWID;
CREATE TABLE members (
    app_id TEXT NOT NULL, group_id TEXT NOT NULL, user_id TEXT NOT NULL,
    PRIMARY KEY (app_id, user_id, group_id)
) WITHOUT ROWID;
CREATE TABLE things (
    app_id TEXT NOT NULL, thing_id TEXT NOT NULL, vendor_thing_id TEXT NOT NULL, password TEXT NOT NULL,
    data TEXT NOT NULL, created INTEGER NOT NULL,
    PRIMARY KEY (app_id, thing_id), UNIQUE (app_id, vendor_thing_id)
) WITHOUT ROWID;
CREATE TABLE thing_owners (
    app_id TEXT NOT NULL, thing_id TEXT NOT NULL, owner TEXT NOT NULL, PRIMARY KEY (app_id, thing_id, owner)
) WITHOUT ROWID;
CREATE TABLE tokens (
    token TEXT PRIMARY KEY, app_id TEXT NOT NULL, kind TEXT NOT NULL, id TEXT, expires INTEGER,
    refresh_token TEXT UNIQUE
) WITHOUT ROWID;
CREATE TABLE logins (
    app_id TEXT NOT NULL, username TEXT NOT NULL, failures INTEGER NOT NULL, locked_until INTEGER NOT NULL,
    PRIMARY KEY (app_id, username)
) WITHOUT ROWID;
CREATE TABLE acl (
    resource TEXT NOT NULL, verb TEXT NOT NULL, subject TEXT NOT NULL, PRIMARY KEY (resource, verb, subject)
) WITHOUT ROWID;
CREATE TABLE topics (
    scope TEXT NOT NULL, topic_id TEXT NOT NULL, creator TEXT, PRIMARY KEY (scope, topic_id)
) WITHOUT ROWID;
CREATE TABLE buckets (
    scope TEXT NOT NULL, bucket_id TEXT NOT NULL, creator TEXT, PRIMARY KEY (scope, bucket_id)
) WITHOUT ROWID;
CREATE TABLE objects (
    bucket TEXT NOT NULL, object_id TEXT NOT NULL, owner TEXT, data TEXT NOT NULL, data_type TEXT NOT NULL,
    created INTEGER NOT NULL, modified INTEGER NOT NULL, version INTEGER NOT NULL,
    PRIMARY KEY (bucket, object_id)
) WITHOUT ROWID;
CREATE TABLE bodies (
    object TEXT PRIMARY KEY, content_type TEXT NOT NULL, content BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE subscriptions (
    resource TEXT NOT NULL, subject TEXT NOT NULL, PRIMARY KEY (resource, subject)
) WITHOUT ROWID;
CREATE TABLE installations (
    app_id TEXT NOT NULL, installation_id TEXT NOT NULL,
    device_type TEXT NOT NULL, registration_id TEXT NOT NULL,
    owner TEXT NOT NULL, development INTEGER NOT NULL, created INTEGER NOT NULL,
    PRIMARY KEY (app_id, installation_id), UNIQUE (app_id, device_type, registration_id)
) WITHOUT ROWID;
CREATE INDEX installations_owner ON installations (app_id, owner);
CREATE TABLE endpoints (
    installation_id TEXT PRIMARY KEY, username TEXT NOT NULL, password TEXT NOT NULL, topic TEXT NOT NULL,
    ready INTEGER NOT NULL, expires INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX endpoints_topic ON endpoints (topic);
CREATE TABLE payloads (
    app_id TEXT NOT NULL, user_id TEXT NOT NULL, payload_id TEXT NOT NULL, payload TEXT NOT NULL,
    PRIMARY KEY (app_id, user_id, payload_id)
) WITHOUT ROWID;
CREATE TABLE deliveries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, push_message_id TEXT NOT NULL,
    app_id TEXT NOT NULL, installation_id TEXT NOT NULL, device_type TEXT NOT NULL, owner TEXT NOT NULL,
    feature TEXT NOT NULL, payload TEXT NOT NULL
);
"""

Value = str | int | float | bytes | None
# What must happen once a transaction is committed, such as publishing a push over MQTT.
Effect = Callable[[], Awaitable[None]]


class StateError(Exception):
    """The state file cannot be used; the message says why."""


class Store:
    """One SQLite connection. Rows come back as `sqlite3.Row`."""

    def __init__(self, path: Path | None = None) -> None:
        """Open the file, or memory when `path` is None, and make the tables. Raises StateError."""
        try:
            self._connection = sqlite3.connect(
                path or ":memory:", timeout=1, isolation_level=None, cached_statements=256
            )
            self._connection.row_factory = sqlite3.Row
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._prepare()
        except (sqlite3.Error, OSError) as error:
            raise StateError(f"cannot use {path} as the state file: {error}") from error

    def one(self, sql: str, *values: Value) -> sqlite3.Row | None:
        """Return the first row, or None."""
        row: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
        return row

    def all(self, sql: str, *values: Value) -> list[sqlite3.Row]:
        """Return every row."""
        return self._connection.execute(sql, values).fetchall()

    def run(self, sql: str, *values: Value) -> int:
        """Execute a statement that changes rows; return how many it changed."""
        return self._connection.execute(sql, values).rowcount

    def insert(self, sql: str, *values: Value) -> int:
        """Execute an INSERT into a table with a rowid; return the new row's."""
        return self._connection.execute(sql, values).lastrowid or 0

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what the block wrote when it ends, or none of it when it raises."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def forget_below(self, table: str, column: str, resource: str) -> None:
        """Delete the rows whose `column` is the resource or anything below it."""
        sql = f"DELETE FROM {table} WHERE {column} = ?1 OR ({column} > ?1 || '/' AND {column} < ?1 || '0')"  # noqa: S608
        self.run(sql, resource)

    def clear(self) -> None:
        """Delete every row; the delivery log counts on."""
        names = self.all("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        for (name,) in names:
            self.run(f"DELETE FROM {name}")  # noqa: S608 (a table of SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _prepare(self) -> None:
        """Make the tables of a new file. Raises sqlite3.DatabaseError when it is somebody else's."""
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version == SCHEMA_VERSION:
            return
        if version != 0 or self.one("SELECT 1 FROM sqlite_schema") is not None:
            raise sqlite3.DatabaseError("it is not a state file of this sandbox's version")
        with self.transaction():
            for statement in SCHEMA.split(";"):
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
