-- Bytes of each table with its indexes and long values, those of partitions summed; and its rows as
-- PostgreSQL estimates them (-1: never analysed).
-- Binds: none
-- Index: none
SELECT
    coalesce(root.relname, c.relname) AS table_name,
    sum(pg_total_relation_size(c.oid))::bigint AS byte_count,
    sum(greatest(c.reltuples, 0))::bigint AS row_estimate
FROM pg_class AS c
LEFT JOIN pg_class AS root ON root.oid = pg_partition_root(c.oid) AND c.relispartition
WHERE c.relkind IN ('r', 'm') AND c.relnamespace = CAST('public' AS regnamespace)
GROUP BY 1
ORDER BY 1;
