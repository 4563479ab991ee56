"""The store's tables, one list of statements per version (`PRAGMA user_version`).

A version that shipped never changes.
"""

_VERSION_1 = (
    # `pending`: still to be delivered. An event offered again after the centre was restored is pending and acked.
    """CREATE TABLE outbox (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        id BLOB NOT NULL UNIQUE,
        priority TEXT NOT NULL,
        stream TEXT NOT NULL,
        seq INTEGER NOT NULL,
        device TEXT NOT NULL,
        kind TEXT NOT NULL,
        feedback INTEGER NOT NULL,
        envelope BLOB NOT NULL,
        stored_at REAL NOT NULL,
        acked_at REAL,
        pending INTEGER NOT NULL DEFAULT 1,
        tries INTEGER NOT NULL DEFAULT 0
    )""",
    "CREATE INDEX outbox_pending ON outbox (priority, position) WHERE pending",
    """CREATE TABLE memory (
        source TEXT NOT NULL,
        base TEXT NOT NULL,
        device TEXT NOT NULL,
        memory TEXT NOT NULL,
        PRIMARY KEY (source, base, device)
    )""",
    # Messages of the home's broker that are in the outbox and perhaps not yet acknowledged to that broker.
    "CREATE TABLE taken (mid INTEGER PRIMARY KEY, digest BLOB NOT NULL)",
    """CREATE TABLE command (
        id BLOB PRIMARY KEY,
        kind TEXT NOT NULL,
        received_at REAL NOT NULL,
        result TEXT,
        detail TEXT NOT NULL DEFAULT ''
    )""",
    """CREATE TABLE quarantine (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at REAL NOT NULL,
        source TEXT NOT NULL,
        topic TEXT NOT NULL,
        payload BLOB NOT NULL,
        size INTEGER NOT NULL,
        field TEXT NOT NULL,
        problem TEXT NOT NULL
    )""",
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
)

VERSIONS: tuple[tuple[str, ...], ...] = (_VERSION_1,)
