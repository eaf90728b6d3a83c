-- How far Pigment's report of an import was come by; what it told stands in `report`.

-- The last call for a report was of no use: the next one does without.
ALTER TABLE jobs ADD COLUMN asks_plainly INTEGER NOT NULL DEFAULT 0;
-- How often the call without a report worked after that.
ALTER TABLE jobs ADD COLUMN report_denials INTEGER NOT NULL DEFAULT 0;
