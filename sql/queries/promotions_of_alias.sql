-- The ledger's last rows about an alias, newest first.
-- Binds: alias (text), row_limit (int)
-- Index: promotions_alias_idx
SELECT promotion_id, promoted_at, alias, from_version, to_version, kind, actor, reason, figures, artifact_sha256
FROM promotions
WHERE alias = :alias
ORDER BY promotion_id DESC
LIMIT :row_limit;
