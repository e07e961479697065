-- Store a model's reference with the vocabulary of the models that predicted it.
-- Binds: site (text), model_version (text), first_month (text), last_month (text),
--        vocabulary (text)
-- Index: drift_references_pkey
INSERT INTO drift_references (site, model_version, first_month, last_month, vocabulary)
VALUES (:site, :model_version, :first_month, :last_month, CAST(:vocabulary AS text []))
ON CONFLICT DO NOTHING;
