-- The service's indicators by day, counted once for all hosts: the service counts today's answers every
-- minute, and each past day once a day, instead of 30 days of answers every minute.
CREATE TABLE daily_indicators (
    site            text             NOT NULL,
    day             date             NOT NULL,   -- UTC
    answers         bigint           NOT NULL,
    judged          bigint           NOT NULL,   -- answers whose true tags are known
    suggested_count bigint           NOT NULL,   -- tags suggested by judged answers
    truth_count     bigint           NOT NULL,   -- true tags of judged answers
    hit_count       bigint           NOT NULL,   -- suggested tags that are true
    latency_ms      double precision NOT NULL,   -- median; 0 without answers
    computed_at     timestamptz      NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (site, day)
);
