-- Where COPY puts vectors before they are merged; gone with the transaction: behind a
-- pooler its session is not ours.
-- Binds: none
-- Index: none
CREATE TEMP TABLE IF NOT EXISTS embeddings_staging (
    site         text,
    question_id  bigint,
    encoder      text,
    content_hash bytea,
    vector       bytea
) ON COMMIT DROP;
