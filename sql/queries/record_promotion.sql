-- Add a row to the ledger of promotions.
-- Binds: alias (text), from_version (text), to_version (text), kind (text), actor (text), reason (text), figures (jsonb), artifact_sha256 (text)
-- Index: promotions_pkey
INSERT INTO promotions (alias, from_version, to_version, kind, actor, reason, figures, artifact_sha256)
VALUES (:alias, :from_version, :to_version, :kind, :actor, :reason, CAST(:figures AS jsonb), :artifact_sha256)
RETURNING promotion_id, promoted_at, alias, from_version, to_version, kind, actor, reason, figures, artifact_sha256;
