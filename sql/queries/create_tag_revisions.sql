-- Where COPY puts a dump's tag revisions; of this connection only, on disk, until `drop_tag_revisions`.
-- Binds: none
-- Index: none
CREATE TEMP TABLE IF NOT EXISTS tag_revisions (
    question_id bigint,
    revised_at  timestamptz,
    position    bigint,
    tags        text[]
);
