-- The tags that a model of a dataset can suggest, by their names when it was trained, and from how
-- many uses a tag is among them (null if the dataset is older than that column).
-- Binds: dataset_id (text)
-- Index: datasets_pkey
SELECT vocabulary, least_uses FROM datasets WHERE dataset_id = :dataset_id;
