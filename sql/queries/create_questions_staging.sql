-- Where COPY puts questions before they are merged; gone with the transaction: behind a
-- pooler its session is not ours.
-- Binds: none
-- Index: none
CREATE TEMP TABLE IF NOT EXISTS questions_staging (
    site         text,
    question_id  bigint,
    asked_at     timestamptz,
    title        text,
    body_html    text,
    score        integer,
    view_count   integer,
    answer_count integer,
    link         text,
    author       text,
    licence      text,
    fetched_at   timestamptz
) ON COMMIT DROP;
