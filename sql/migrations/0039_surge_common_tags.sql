-- Months refreshed when new tags surge, without rare tags.
ALTER TABLE stability_refreshes
    DROP CONSTRAINT stability_refreshes_rule_check,
    ADD CONSTRAINT stability_refreshes_rule_check
        CHECK (rule IN ('weekly', 'surge', 'common_tags', 'weekly_common_tags', 'surge_common_tags'));
