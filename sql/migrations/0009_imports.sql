-- Imports of files: how far each is, so that a killed one resumes, and the time that each covers, so
-- that a month in which a file ends does not count as complete.

CREATE TABLE imports (
    import_id      text        PRIMARY KEY,          -- hash of the file's content and of the options
    file_name      text        NOT NULL,
    site           text,                             -- only this site's questions; all if null
    as_of          timestamptz,                      -- when the file was exported, if known
    state          text        NOT NULL CHECK (state IN ('open', 'done')),
    record_count   bigint      NOT NULL,             -- rows or lines of the file
    question_count bigint      NOT NULL,             -- questions among them that can be read
    repeated_count bigint      NOT NULL,             -- of these, those whose id occurs again later
    refused_count  bigint      NOT NULL,             -- questions left out, as MAX_BAD_SHARE allows
    repairs        jsonb       NOT NULL,             -- {kind: number}
    records_done   bigint      NOT NULL DEFAULT 0,   -- rows or lines whose questions are stored
    started_at     timestamptz NOT NULL DEFAULT now(),
    finished_at    timestamptz
);

CREATE TABLE import_spans (
    import_id      text        NOT NULL REFERENCES imports ON DELETE CASCADE,
    site           text        NOT NULL,
    question_count bigint      NOT NULL,
    first_asked_at timestamptz NOT NULL,
    last_asked_at  timestamptz NOT NULL,
    covered_from   timestamptz,                      -- all questions in [from, until) are in the file;
    covered_until  timestamptz,                      -- null if the file was probably truncated
    PRIMARY KEY (import_id, site)
);
CREATE INDEX import_spans_site_idx ON import_spans (site, last_asked_at);
