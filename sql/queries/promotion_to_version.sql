-- How a version first came to bear an alias by promotion, not by rollback: what it replaced then.
-- Binds: alias (text), to_version (text)
-- Index: promotions_alias_idx
SELECT promotion_id, promoted_at, alias, from_version, to_version, kind, actor, reason, figures, artifact_sha256
FROM promotions
WHERE alias = :alias
  AND to_version = :to_version
  AND kind IN ('first', 'promotion')
ORDER BY promotion_id DESC
LIMIT 1;
