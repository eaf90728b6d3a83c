-- The journal: every file's way, and everything that waits. Times are seconds since 1970, UTC.

-- Tells a journal from any other database: the letters PWJ1.
PRAGMA application_id = 1347897905;

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- The steps that a job may make; every other is refused by the trigger below.
CREATE TABLE transitions (
    from_state TEXT NOT NULL,
    to_state   TEXT NOT NULL,
    PRIMARY KEY (from_state, to_state)
) WITHOUT ROWID;

INSERT INTO transitions VALUES
    ('QUEUED', 'PUSHING'),
    ('QUEUED', 'ARCHIVING'),
    ('QUEUED', 'FAILED'),
    ('PUSHING', 'QUEUED'),
    ('PUSHING', 'IMPORTING'),
    ('PUSHING', 'ARCHIVING'),
    ('IMPORTING', 'ARCHIVING'),
    ('ARCHIVING', 'DONE'),
    ('ARCHIVING', 'FAILED');

-- Paths and names are blobs: a file name need not be text.
CREATE TABLE jobs (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    route            TEXT NOT NULL,
    configuration_id TEXT NOT NULL,
    key              TEXT NOT NULL,
    rules            TEXT NOT NULL,
    source           BLOB NOT NULL,
    name             BLOB NOT NULL,
    size             INTEGER NOT NULL,
    mtime_ns         TEXT NOT NULL,       -- these three may be more than an INTEGER holds
    ctime_ns         TEXT NOT NULL,
    inode            TEXT NOT NULL,
    sort_modified    INTEGER NOT NULL,    -- 0 where names alone count
    priority         INTEGER NOT NULL,
    state            TEXT NOT NULL,
    due_at           REAL NOT NULL,
    created_at       REAL NOT NULL,
    claimed_at       REAL,
    pushed_at        REAL,
    importing_since  REAL,
    deadline_from    REAL,
    decided_at       REAL,
    finished_at      REAL,
    outcome          TEXT,
    reason           TEXT NOT NULL,
    answer           TEXT NOT NULL,
    advice           TEXT NOT NULL,
    target           BLOB,
    owner_uid        INTEGER,
    owner_name       TEXT NOT NULL,
    attempts         INTEGER NOT NULL,
    polls            INTEGER NOT NULL,
    retries          INTEGER NOT NULL,
    rejections       INTEGER NOT NULL,
    rejected_at   REAL,
    missing_since    REAL,
    forbidden        INTEGER NOT NULL,
    import_id        TEXT,
    sha256           TEXT,
    bytes_sent       INTEGER,
    report           TEXT,
    retry_of         INTEGER,
    asked_by         TEXT NOT NULL,
    version          TEXT NOT NULL
);

CREATE INDEX jobs_queue ON jobs (configuration_id, priority, sort_modified, name, id)
    WHERE state = 'QUEUED';
CREATE INDEX jobs_busy ON jobs (configuration_id) WHERE state IN ('PUSHING', 'IMPORTING');
CREATE INDEX jobs_polls ON jobs (due_at) WHERE state = 'IMPORTING';
CREATE INDEX jobs_archiving ON jobs (due_at) WHERE state = 'ARCHIVING';
CREATE INDEX jobs_open ON jobs (route) WHERE finished_at IS NULL;
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX jobs_taken ON jobs (importing_since) WHERE importing_since IS NOT NULL;
CREATE INDEX jobs_name ON jobs (name);
CREATE INDEX jobs_target ON jobs (target) WHERE target IS NOT NULL;
CREATE INDEX jobs_retries ON jobs (retry_of) WHERE retry_of IS NOT NULL;

CREATE TRIGGER jobs_begin_queued BEFORE INSERT ON jobs
WHEN NEW.state <> 'QUEUED'
BEGIN
    SELECT RAISE(ABORT, 'illegal transition: a job begins in QUEUED');
END;

CREATE TRIGGER jobs_step BEFORE UPDATE OF state ON jobs
WHEN OLD.state <> NEW.state AND NOT EXISTS (
    SELECT 1 FROM transitions WHERE from_state = OLD.state AND to_state = NEW.state
)
BEGIN
    SELECT RAISE(ABORT, 'illegal transition: no such step');
END;

-- One row for each import configuration ever used, so that the heads of lanes are found by index.
CREATE TABLE lanes (
    configuration_id TEXT PRIMARY KEY
) WITHOUT ROWID;

CREATE TABLE events (
    id         INTEGER PRIMARY KEY,
    job_id     INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    at         REAL NOT NULL,
    from_state TEXT NOT NULL,
    to_state   TEXT NOT NULL,
    name       TEXT NOT NULL,
    detail     TEXT NOT NULL
);
CREATE INDEX events_job ON events (job_id, id);

CREATE TABLE conditions (
    kind     TEXT NOT NULL,
    subject  TEXT NOT NULL,
    since    REAL NOT NULL,
    detail   TEXT NOT NULL,
    due_at   REAL,
    attempts INTEGER NOT NULL,
    job_id   INTEGER,
    PRIMARY KEY (kind, subject)
) WITHOUT ROWID;

-- Every request to a host, as long as a limit looks back.
CREATE TABLE calls (
    id               INTEGER PRIMARY KEY,
    host             TEXT NOT NULL,
    configuration_id TEXT,                -- of a push, else NULL
    at               REAL NOT NULL
);
CREATE INDEX calls_host ON calls (host, at);
CREATE INDEX calls_configuration ON calls (configuration_id, at)
    WHERE configuration_id IS NOT NULL;

-- What operators asked for; the service acts on it.
CREATE TABLE commands (
    id        INTEGER PRIMARY KEY,
    asked_at  REAL NOT NULL,
    asked_by  TEXT NOT NULL,
    name      TEXT NOT NULL,
    arguments TEXT NOT NULL,
    done_at   REAL,
    succeeded INTEGER,
    answer    TEXT NOT NULL
);
CREATE INDEX commands_open ON commands (id) WHERE done_at IS NULL;

-- Inboxes that were there at an earlier start.
CREATE TABLE folders (
    path   BLOB PRIMARY KEY,
    kind   TEXT NOT NULL,
    source TEXT NOT NULL
) WITHOUT ROWID;
