-- Vectors of some questions by one encoder, with the hash of the text that each is of.
-- Binds: site (text), encoder (text), question_ids (bigint[])
-- Index: embeddings_pkey
SELECT question_id, content_hash, vector
FROM embeddings
WHERE site = :site
  AND encoder = :encoder
  AND question_id = ANY (CAST(:question_ids AS bigint[]));
