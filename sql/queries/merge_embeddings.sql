-- Take the staged vectors over; one that is there already says the same and stays,
-- unless its length shows that the encoder was changed under the same name.
-- Binds: none
-- Index: embeddings_pkey
INSERT INTO embeddings AS e (site, question_id, encoder, content_hash, vector)
SELECT site, question_id, encoder, content_hash, vector
FROM embeddings_staging
ON CONFLICT (site, question_id, encoder, content_hash) DO UPDATE SET vector = excluded.vector
WHERE octet_length(e.vector) <> octet_length(excluded.vector);
