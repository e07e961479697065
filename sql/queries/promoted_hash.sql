-- The SHA-256 of a version's files as the ledger first recorded it, with any alias.
-- Binds: to_version (text)
-- Index: none (promotions holds a row per promotion: some a month)
SELECT artifact_sha256
FROM promotions
WHERE to_version = :to_version AND artifact_sha256 IS NOT NULL
ORDER BY promotion_id
LIMIT 1;
