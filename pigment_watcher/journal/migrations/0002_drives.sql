-- Drives that come and go, and markers that go with their files.

-- The inbox of a job, so that nothing is tried while its drive is lost.
ALTER TABLE jobs ADD COLUMN directory TEXT NOT NULL DEFAULT '';
UPDATE jobs SET directory = coalesce(json_extract(rules, '$.directory'), '');
-- A path that is no text comes out as halves of surrogates, which nobody could read any more.
UPDATE jobs SET directory = ''
    WHERE instr(CAST(directory AS BLOB), x'edb2') OR instr(CAST(directory AS BLOB), x'edb3');

-- The name of the marker that goes with the file, empty if there is none.
ALTER TABLE jobs ADD COLUMN marker BLOB NOT NULL DEFAULT x'';

-- Where the drive was mounted that a folder lay on.
ALTER TABLE folders ADD COLUMN point BLOB NOT NULL DEFAULT x'2f';
