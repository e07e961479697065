-- How long fits took, and months as models would have answered them that know no rare tags.
ALTER TABLE fits ADD COLUMN seconds double precision CHECK (seconds >= 0);   -- NULL: earlier release
ALTER TABLE stability_refreshes
    -- of the fits that the month took besides its first, or instead of it for 'common_tags'; NULL: earlier release
    ADD COLUMN seconds double precision CHECK (seconds >= 0),
    DROP CONSTRAINT stability_refreshes_rule_check,
    ADD CONSTRAINT stability_refreshes_rule_check CHECK (rule IN ('weekly', 'surge', 'common_tags'));
