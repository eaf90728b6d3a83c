-- What was imported, and which old files were removed.

-- The first import of any bytes into a configuration; it outlives the job, for `duplicates: refuse`.
CREATE TABLE imported (
    configuration_id TEXT NOT NULL,
    sha256           TEXT NOT NULL,
    name             BLOB NOT NULL,
    at               REAL NOT NULL,
    import_id        TEXT NOT NULL,
    PRIMARY KEY (configuration_id, sha256)
) WITHOUT ROWID;

INSERT OR IGNORE INTO imported
    SELECT configuration_id, sha256, name, decided_at, import_id FROM jobs
    WHERE outcome IN ('imported', 'imported_with_skips')
        AND sha256 IS NOT NULL AND decided_at IS NOT NULL AND import_id IS NOT NULL
    ORDER BY decided_at, id;

-- In the commit that frees the lane: the next file may hold the same bytes.
CREATE TRIGGER jobs_imported AFTER UPDATE OF outcome ON jobs
WHEN NEW.outcome IN ('imported', 'imported_with_skips')
    AND NEW.sha256 IS NOT NULL AND NEW.decided_at IS NOT NULL AND NEW.import_id IS NOT NULL
BEGIN
    INSERT OR IGNORE INTO imported
        VALUES (NEW.configuration_id, NEW.sha256, NEW.name, NEW.decided_at, NEW.import_id);
END;

-- A person wants the file pushed although it may have been imported.
ALTER TABLE jobs ADD COLUMN even_if_imported INTEGER NOT NULL DEFAULT 0;

-- When the file was removed because it was old; or that it is none of ours to remove.
ALTER TABLE jobs ADD COLUMN removed_at REAL;
ALTER TABLE jobs ADD COLUMN left_alone INTEGER NOT NULL DEFAULT 0;

CREATE INDEX jobs_kept ON jobs (route, state, finished_at)
    WHERE finished_at IS NOT NULL AND target IS NOT NULL
        AND removed_at IS NULL AND left_alone = 0;
