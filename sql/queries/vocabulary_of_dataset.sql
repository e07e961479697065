-- The tags that a model of a dataset can suggest, by their names when it was trained.
-- Binds: dataset_id (text)
-- Index: datasets_pkey
SELECT vocabulary FROM datasets WHERE dataset_id = :dataset_id;
