-- How many of an answer's first tags were suggested outright, so that the F1 of that set can be measured on
-- what really happened. NULL: recorded by an earlier release.
ALTER TABLE predictions ADD COLUMN suggested_count smallint;

-- Judged answers whose set is known, and the sum of F1 over them, by day, for all and for each version.
ALTER TABLE daily_indicators
    ADD COLUMN set_judged bigint           NOT NULL DEFAULT 0,
    ADD COLUMN set_f1_sum double precision NOT NULL DEFAULT 0;
ALTER TABLE daily_version_quality
    ADD COLUMN set_judged bigint           NOT NULL DEFAULT 0,
    ADD COLUMN set_f1_sum double precision NOT NULL DEFAULT 0;
