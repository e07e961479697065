-- When the newest stored question was asked; null if none is stored.
-- Binds: site (text)
-- Index: questions_site_asked_at_idx
SELECT asked_at
FROM questions
WHERE site = :site
ORDER BY asked_at DESC
LIMIT 1;
