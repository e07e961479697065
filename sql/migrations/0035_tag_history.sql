-- Which import read a month's tags a second time, where that was a dump with the history of its tags, so that the same
-- dump again replaces its figures and leaves those of the API alone.
ALTER TABLE label_readings ADD COLUMN import_id text REFERENCES imports ON DELETE CASCADE;
