-- The same sums as in daily_indicators, of each model version's answers: a new version is judged by its own
-- answers. Days that were counted before have no rows here until they are counted again, within a day.
CREATE TABLE daily_version_quality (
    site            text   NOT NULL,
    day             date   NOT NULL,   -- UTC
    model_version   text   NOT NULL,
    judged          bigint NOT NULL,   -- answers whose true tags are known
    suggested_count bigint NOT NULL,   -- tags suggested by judged answers
    truth_count     bigint NOT NULL,   -- true tags of judged answers
    hit_count       bigint NOT NULL,   -- suggested tags that are true
    PRIMARY KEY (site, day, model_version)
);
