-- Store a model's reference with the vocabulary of the models that predicted it.
-- Binds: site (text), model_version (text), first_month (text), last_month (text),
--        vocabulary (text), model_count (smallint)
-- Index: drift_references_pkey
INSERT INTO drift_references (
    site, model_version, first_month, last_month, vocabulary, model_count
)
VALUES (
    :site,
    :model_version,
    :first_month,
    :last_month,
    CAST(:vocabulary AS text []),
    :model_count
)
ON CONFLICT DO NOTHING;
