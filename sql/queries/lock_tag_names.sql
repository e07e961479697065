-- Lock the writing of a site's tag names until the transaction ends.
-- Binds: site (text)
-- Index: none
SELECT pg_advisory_xact_lock(hashtext('tag_synonyms'), hashtext(:site));
