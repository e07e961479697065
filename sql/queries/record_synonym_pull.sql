-- Record that a site's synonyms were read, wholly or since the last time.
-- Binds: site (text), pulled_at (timestamptz), full_read (boolean)
-- Index: synonym_pulls_pkey
INSERT INTO synonym_pulls AS p (site, full_at, pulled_at)
VALUES (:site, :pulled_at, :pulled_at)
ON CONFLICT (site) DO UPDATE SET
    full_at = CASE WHEN :full_read THEN excluded.full_at ELSE p.full_at END,
    pulled_at = excluded.pulled_at;
