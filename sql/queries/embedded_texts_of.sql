-- Which texts of some questions have a vector by an encoder, by the hash of the text.
-- Binds: site (text), encoder (text), question_ids (bigint[])
-- Index: embeddings_pkey
SELECT question_id, content_hash
FROM embeddings
WHERE site = :site
  AND encoder = :encoder
  AND question_id = ANY (CAST(:question_ids AS bigint[]));
