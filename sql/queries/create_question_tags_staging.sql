-- Where COPY puts the tags of questions before they are merged; dropped with the transaction.
-- Binds: none
-- Index: none
CREATE TEMP TABLE IF NOT EXISTS question_tags_staging (
    site        text,
    question_id bigint,
    asked_at    timestamptz,
    tags        text[],
    fetched_at  timestamptz
) ON COMMIT DROP;
