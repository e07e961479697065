-- The second reading of a month's tags, when people have settled them: how far it is, and how well the tags
-- that were read first agree with it.
CREATE TABLE label_readings (
    site             text             NOT NULL,
    month            text             NOT NULL CHECK (month ~ '^\d{4}-\d{2}$'),
    window_start     timestamptz      NOT NULL,
    window_end       timestamptz      NOT NULL,
    cursor           timestamptz,                           -- all questions before it are read
    request_count    integer          NOT NULL DEFAULT 0,
    question_count   integer          NOT NULL DEFAULT 0,   -- read again before the cursor
    compared_count   integer          NOT NULL DEFAULT 0,   -- of these, first read soon after they were asked
    changed_count    integer          NOT NULL DEFAULT 0,   -- of the compared, those with other tags now
    f1_sum           double precision NOT NULL DEFAULT 0,   -- of first against settled tags, over the compared
    first_age_days   double precision NOT NULL DEFAULT 0,   -- sum: from asking to the first reading
    settled_age_days double precision NOT NULL DEFAULT 0,   -- sum: from asking to this reading
    finished_at      timestamptz,
    PRIMARY KEY (site, window_start, window_end)
);
