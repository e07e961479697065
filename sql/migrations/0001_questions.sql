-- Questions, their tags, and how far each window of each month has been fetched.

CREATE TABLE questions (
    site         text        NOT NULL,
    question_id  bigint      NOT NULL,
    asked_at     timestamptz NOT NULL,
    title        text        NOT NULL,
    body_html    text        NOT NULL,
    score        integer     NOT NULL DEFAULT 0,
    view_count   integer     NOT NULL DEFAULT 0,
    answer_count integer     NOT NULL DEFAULT 0,
    link         text        NOT NULL DEFAULT '',
    author       text        NOT NULL DEFAULT '',
    licence      text        NOT NULL DEFAULT '',
    fetched_at   timestamptz NOT NULL DEFAULT now(),   -- when the row as it stands was first read
    PRIMARY KEY (site, question_id, asked_at)
) PARTITION BY RANGE (asked_at);

CREATE INDEX questions_site_asked_at_idx ON questions (site, asked_at, question_id);

-- A question's tags as first seen and as settled later (labels are edited for weeks). Both are kept,
-- with the time each was read. Not partitioned: its key makes a question unique over all months.
CREATE TABLE question_tags (
    site             text        NOT NULL,
    question_id      bigint      NOT NULL,
    asked_at         timestamptz NOT NULL,
    first_tags       text[]      NOT NULL,
    first_seen_at    timestamptz NOT NULL,
    settled_tags     text[],
    settled_seen_at  timestamptz,
    tags             text[]      NOT NULL GENERATED ALWAYS AS (coalesce(settled_tags, first_tags)) STORED,
    PRIMARY KEY (site, question_id)
);

-- Rows come in nearly by month, so a block-range index finds a month's rows at no cost on insert.
CREATE INDEX question_tags_asked_at_idx ON question_tags USING brin (asked_at)
    WITH (autosummarize = on);

-- One row per window of a month: the unit of fetching, of resuming and of checking.
CREATE TABLE ingest_windows (
    site           text        NOT NULL,
    window_start   timestamptz NOT NULL,
    window_end     timestamptz NOT NULL,
    cursor         timestamptz,          -- everything asked before it is stored
    state          text        NOT NULL CHECK (state IN ('open', 'done')),
    fetched_count  integer     NOT NULL DEFAULT 0,   -- distinct questions seen by the pass that closed it
    request_count  integer     NOT NULL DEFAULT 0,
    quota_left     integer,
    updated_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (site, window_start, window_end),
    CHECK (window_start < window_end)
);

-- Make the partition of `parent` that holds `moment`, if it is missing. Idempotent and safe when
-- several sessions call it at once. The partition is made apart and then attached: that lock lets
-- others read and write `parent` meanwhile, which CREATE TABLE ... PARTITION OF does not.
CREATE FUNCTION ensure_month_partition(parent text, moment timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    first timestamptz := date_trunc('month', moment, 'UTC');
    next  timestamptz;
    child text := parent || '_' || to_char(moment AT TIME ZONE 'UTC', 'YYYY_MM');
BEGIN
    next := (first AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC';
    IF to_regclass(quote_ident(child)) IS NOT NULL THEN
        RETURN;
    END IF;
    -- The lock that ATTACH takes anyway; an advisory lock would not bring this session's catalogue
    -- cache up to date, and the second look would miss what another session has just made.
    EXECUTE format('LOCK TABLE %I IN SHARE UPDATE EXCLUSIVE MODE', parent);
    IF to_regclass(quote_ident(child)) IS NULL THEN
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS '
                       'INCLUDING GENERATED INCLUDING STORAGE INCLUDING COMPRESSION)',
                       child, parent);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       parent, child, first, next);
    END IF;
END $$;
