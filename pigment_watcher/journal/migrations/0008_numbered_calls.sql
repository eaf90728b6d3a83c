-- Requests have numbers, so that the one that lies so many back is found without walking there.

-- The how manieth request to its host, and the how manieth push into its configuration.
ALTER TABLE calls ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN push INTEGER NOT NULL DEFAULT 0;
UPDATE calls SET number = counted.number, push = counted.push FROM (
    SELECT id,
        row_number() OVER (PARTITION BY host ORDER BY at, id) AS number,
        row_number() OVER (PARTITION BY configuration_id ORDER BY at, id) AS push
    FROM calls
) AS counted WHERE counted.id = calls.id;

DROP INDEX calls_host;
DROP INDEX calls_configuration;
CREATE INDEX calls_number ON calls (host, number, at);
CREATE INDEX calls_push ON calls (configuration_id, push, at) WHERE configuration_id IS NOT NULL;
CREATE INDEX calls_at ON calls (host, at, number);
