-- What the scores say of a version's answers before their tags are known: the expected number of true ones among
-- the five best suggestions of all answers, and of the judged ones beside what came true.
ALTER TABLE daily_version_quality
    ADD COLUMN answers             bigint           NOT NULL DEFAULT 0,
    ADD COLUMN shown_count         bigint           NOT NULL DEFAULT 0,  -- suggestions of all answers
    ADD COLUMN expected_hits       double precision NOT NULL DEFAULT 0,  -- sum of their scores
    ADD COLUMN expected_variance   double precision NOT NULL DEFAULT 0,  -- sum of score * (1 - score)
    ADD COLUMN expected_squares    double precision NOT NULL DEFAULT 0,  -- sum of squares of each answer's sum
    ADD COLUMN judged_expected_hits double precision NOT NULL DEFAULT 0; -- of the judged answers
