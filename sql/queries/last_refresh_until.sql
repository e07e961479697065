-- Up to when the site's last refresh that was judged went, promoted or not; null if there was none.
-- Binds: site (text)
-- Index: refreshes_pkey
SELECT max(learned_until) FROM refreshes WHERE site = :site;
