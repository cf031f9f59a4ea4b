"""The tables, as the steps that lead from each version of the file to the next."""

from __future__ import annotations

STEPS: tuple[str, ...] = (
    """
    CREATE TABLE server (
        name TEXT NOT NULL,
        launch TEXT NOT NULL,        -- hash of what the entry runs
        consented INTEGER NOT NULL,  -- a person agreed to this very entry
        settled INTEGER NOT NULL,    -- its tools were seen at least once
        seal BLOB NOT NULL,          -- over the four above: a row that says otherwise is damaged
        at REAL NOT NULL,            -- seconds since 1970, as all times here
        PRIMARY KEY (name, launch)
    ) WITHOUT ROWID;
    CREATE TABLE tool (
        server TEXT NOT NULL,
        launch TEXT NOT NULL,
        name TEXT NOT NULL,
        hash TEXT NOT NULL,          -- canonical, as a person saw it
        digest BLOB NOT NULL,        -- of the very bytes
        raw BLOB NOT NULL,           -- for showing what changed
        by_person INTEGER NOT NULL,  -- 0: taken over at first sight
        at REAL NOT NULL,
        PRIMARY KEY (server, launch, name)
    ) WITHOUT ROWID;
    CREATE TABLE cache (
        key TEXT PRIMARY KEY,
        expires REAL NOT NULL,
        data BLOB NOT NULL
    );
    CREATE INDEX cache_expires ON cache (expires);
    CREATE TABLE call (
        id INTEGER PRIMARY KEY,
        at REAL NOT NULL,
        server TEXT NOT NULL,
        tool TEXT NOT NULL,
        outcome TEXT NOT NULL,
        took REAL NOT NULL,          -- seconds
        size INTEGER NOT NULL        -- bytes of the result
    );
    CREATE INDEX call_at ON call (at);
    CREATE TABLE usage (
        server TEXT NOT NULL,
        tool TEXT NOT NULL,
        calls INTEGER NOT NULL,
        errors INTEGER NOT NULL,
        last REAL NOT NULL,
        PRIMARY KEY (server, tool)
    ) WITHOUT ROWID;
    """,
)
"""``STEPS[n]`` makes version n+1 (``PRAGMA user_version``) of version n; never edited, only added
to."""

VERSION = len(STEPS)
