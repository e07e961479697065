-- Partitions of predictions whose month is over by a moment, with rows as estimated and bytes; oldest first.
-- Binds: before (timestamptz)
-- Index: of the system catalogue
SELECT
    child.relname AS name,
    greatest(child.reltuples, 0)::bigint AS amount,
    pg_total_relation_size(child.oid) AS bytes
FROM pg_catalog.pg_inherits
INNER JOIN pg_catalog.pg_class AS child ON child.oid = pg_inherits.inhrelid
WHERE
    pg_inherits.inhparent = 'predictions'::regclass
    AND child.relname ~ '^predictions_\d{4}_\d{2}'
    AND to_date(substr(child.relname, 13, 7), 'YYYY_MM') + interval '1 month'
    <= CAST(:before AS timestamptz) AT TIME ZONE 'UTC'
ORDER BY child.relname;
