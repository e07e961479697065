-- A study's models that were refitted within a month, and months refreshed every week without rare tags.
CREATE TABLE stability_refits (
    study_id    text             NOT NULL,
    month       text             NOT NULL,
    refitted_on date             NOT NULL,   -- at its midnight, UTC
    test_id     text             NOT NULL,   -- hash of the month's questions
    seconds     double precision NOT NULL CHECK (seconds >= 0),   -- of the fit
    scores      bytea            NOT NULL,   -- as in stability_pairs, of the last of the month's question_ids
    PRIMARY KEY (study_id, month, refitted_on),
    FOREIGN KEY (study_id, month) REFERENCES stability_months ON DELETE CASCADE
);
ALTER TABLE stability_refits ALTER COLUMN scores SET STORAGE EXTERNAL;
ALTER TABLE stability_refreshes
    DROP CONSTRAINT stability_refreshes_rule_check,
    ADD CONSTRAINT stability_refreshes_rule_check
        CHECK (rule IN ('weekly', 'surge', 'common_tags', 'weekly_common_tags'));
