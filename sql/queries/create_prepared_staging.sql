-- Where COPY puts prepared texts before they are merged; gone with the transaction: behind a
-- pooler its session is not ours.
-- Binds: none
-- Index: none
CREATE TEMP TABLE IF NOT EXISTS prepared_staging (
    site         text,
    question_id  bigint,
    text_version text,
    content_hash bytea,
    title        text,
    prose        text,
    code         text
) ON COMMIT DROP;
