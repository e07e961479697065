-- Predictions arrive in the order of their time: a range of pages says when, at a hundredth of what
-- a row in a B-tree costs with every prediction.

DROP INDEX predictions_asked_at_idx;
CREATE INDEX predictions_asked_at_idx ON predictions USING brin (asked_at)
    WITH (pages_per_range = 32, autosummarize = on);
