-- How many models answered a reference: two, each fitted without one half of its questions, or one
-- that was fitted without all of them, if they are a small part of the training window.

ALTER TABLE drift_references
ADD COLUMN model_count smallint NOT NULL DEFAULT 2 CHECK (model_count BETWEEN 1 AND 2);
ALTER TABLE drift_references ALTER COLUMN model_count DROP DEFAULT;
