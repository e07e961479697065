-- Answers of a pair of months as compressed arrays instead of arrays of rows' values: a year of 66,000
-- questions a month took 5 GB to read. Pairs of earlier code are not part of any study of this one (a
-- study's id contains the version of the code); their months count as not tested, and their reports stay.

DELETE FROM stability_pairs;
UPDATE stability_months SET finished = false;
ALTER TABLE stability_pairs
    DROP COLUMN found,
    DROP COLUMN true_count,
    DROP COLUMN reachable_count,
    DROP COLUMN suggested,
    ADD COLUMN scores bytea NOT NULL,      -- found (bit i: the suggestion at rank i + 1 is true), true_count,
                                           -- reachable_count (true tags in the model's vocabulary)
    ADD COLUMN suggested bytea NOT NULL;   -- ranks: positions in the model's vocabulary, best first
ALTER TABLE stability_pairs ALTER COLUMN scores SET STORAGE EXTERNAL;
ALTER TABLE stability_pairs ALTER COLUMN suggested SET STORAGE EXTERNAL;
