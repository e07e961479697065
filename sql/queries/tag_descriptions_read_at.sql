-- When a site's tag descriptions were last written; null if never.
-- Binds: site (text)
-- Index: tag_descriptions_pkey
SELECT max(read_at) FROM tag_descriptions WHERE site = :site;
