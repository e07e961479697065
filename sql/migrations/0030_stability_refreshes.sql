-- A study's months as models would have answered them that are refreshed within the month by a rule.
CREATE TABLE stability_refreshes (
    study_id   text             NOT NULL,
    month      text             NOT NULL,
    rule       text             NOT NULL CHECK (rule IN ('weekly', 'surge')),
    test_id    text             NOT NULL,   -- hash of the month's questions
    trainings  smallint         NOT NULL,   -- of the month, the first of the month included
    scores     bytea            NOT NULL,   -- as in stability_pairs, along the month's question_ids
    PRIMARY KEY (study_id, month, rule),
    FOREIGN KEY (study_id, month) REFERENCES stability_months ON DELETE CASCADE
);
ALTER TABLE stability_refreshes ALTER COLUMN scores SET STORAGE EXTERNAL;
