-- Store a study; repeated, it changes nothing.
-- Binds: study_id (text), site (text), candidate (text), parameters (jsonb), window_months (int), min_tag_count (int), encoder (text), code_version (text)
-- Index: stability_studies_pkey
INSERT INTO stability_studies (study_id, site, candidate, parameters, window_months, min_tag_count,
                               encoder, code_version)
VALUES (:study_id, :site, :candidate, CAST(:parameters AS jsonb), :window_months, :min_tag_count,
        :encoder, :code_version)
ON CONFLICT (study_id) DO NOTHING;
