-- Lock the writing of a site's tag descriptions until the transaction ends.
-- Binds: site (text)
-- Index: none
SELECT pg_advisory_xact_lock(hashtext('tag_descriptions'), hashtext(:site));
