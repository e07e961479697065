-- What was learned about a month's questions once, for whoever trains, tests or studies: the hash of
-- their content, and their tags, dates and term counts as compressed arrays ("shards").

CREATE TABLE stored_months (
    site           text        NOT NULL,
    month          text        NOT NULL CHECK (month ~ '^\d{4}-\d{2}$'),
    version        text        NOT NULL,   -- of the code that prepares texts and counts terms
    row_state      text        NOT NULL,   -- of the rows that it was made from; see month_states.sql
    content_hash   text        NOT NULL,   -- of the texts and tags of the tagged questions
    question_count integer     NOT NULL,   -- with a tag
    untagged_count integer     NOT NULL,
    built_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (site, month, version)
);

-- The arrays are compressed already. Shards of an earlier content stay for some days, for those who
-- are reading them.
CREATE TABLE month_shards (
    site           text        NOT NULL,
    month          text        NOT NULL,
    version        text        NOT NULL,
    content_hash   text        NOT NULL,
    part           integer     NOT NULL,
    question_count integer     NOT NULL,
    questions      bytea       NOT NULL,   -- ids, dates and tags
    counts         bytea       NOT NULL,   -- terms and their counts
    built_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (site, month, version, content_hash, part)
);
ALTER TABLE month_shards ALTER COLUMN questions SET STORAGE EXTERNAL;
ALTER TABLE month_shards ALTER COLUMN counts SET STORAGE EXTERNAL;
