-- A checksum of what says which file a job is about and where it goes; NULL: none was made yet.
ALTER TABLE jobs ADD COLUMN seal INTEGER;
