-- How long imports take, so that they are asked after when they should be over.

-- What the last imports of a configuration took: seconds, as a JSON array, the latest last.
ALTER TABLE lanes ADD COLUMN durations TEXT NOT NULL DEFAULT '[]';

-- When Pigment said last that an import goes on; and that it will do so at the next call as well,
-- for all that is known.
ALTER TABLE jobs ADD COLUMN asked_at REAL;
ALTER TABLE jobs ADD COLUMN is_early INTEGER NOT NULL DEFAULT 0;

DROP INDEX jobs_polls;
CREATE INDEX jobs_polls ON jobs (is_early, due_at) WHERE state = 'IMPORTING';
