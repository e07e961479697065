-- The ledger's last row about an alias: which version bears it, since when, and why.
-- Binds: alias (text)
-- Index: promotions_alias_idx
SELECT promotion_id, promoted_at, alias, from_version, to_version, kind, actor, reason, figures, artifact_sha256
FROM promotions
WHERE alias = :alias
ORDER BY promotion_id DESC
LIMIT 1;
