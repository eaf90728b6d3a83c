-- Whose import an ID is.

-- An answer that names an import of another file says nothing about its own.
CREATE INDEX jobs_import ON jobs (import_id COLLATE NOCASE) WHERE import_id IS NOT NULL;
