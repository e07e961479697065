-- When a description came to say what it says, by this database's clock: readings of a dump may be older than
-- those that are stored, so read_at does not show that something was written.
ALTER TABLE tag_descriptions ADD COLUMN written_at timestamptz NOT NULL DEFAULT clock_timestamp();
