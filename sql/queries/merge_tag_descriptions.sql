-- Store what a reading says of tags, unless a later reading is stored; what became of it, in tags: `added`, `changed`
-- and `removed` descriptions, and those `kept` because they were read later. The same reading again writes no row.
-- Binds: site (text), tags (text[]), descriptions (text[]), read_at (timestamptz)
-- Index: tag_descriptions_pkey
WITH given AS (
    SELECT tag, description
    FROM unnest(CAST(:tags AS text[]), CAST(:descriptions AS text[])) AS given (tag, description)
), known AS (
    SELECT tag, description, read_at
    FROM tag_descriptions
    WHERE site = :site AND tag = ANY (CAST(:tags AS text[]))
), merged AS (
    INSERT INTO tag_descriptions AS stored (site, tag, description, read_at)
    SELECT :site, tag, description, :read_at
    FROM given
    ON CONFLICT (site, tag) DO UPDATE SET
        description = excluded.description,
        read_at = excluded.read_at,
        written_at = CASE
            WHEN stored.description IS DISTINCT FROM excluded.description THEN excluded.written_at
            ELSE stored.written_at
        END
    WHERE stored.read_at <= excluded.read_at
        AND (stored.description, stored.read_at) IS DISTINCT FROM (excluded.description, excluded.read_at)
    RETURNING tag, description
)
SELECT
    count(*) FILTER (WHERE known.description IS NULL AND merged.description IS NOT NULL) AS added,
    count(*) FILTER (WHERE known.description <> merged.description) AS changed,
    count(*) FILTER (WHERE known.description IS NOT NULL AND merged.tag IS NOT NULL AND merged.description IS NULL)
        AS removed,
    count(*) FILTER (WHERE known.read_at > :read_at) AS kept
FROM given
LEFT JOIN known USING (tag)
LEFT JOIN merged USING (tag);
