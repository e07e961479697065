-- The site's last refresh that was judged, promoted or not.
-- Binds: site (text)
-- Index: refreshes_pkey
SELECT learned_until, cause, reason, champion_version, training_run_id, version, decision, new_tags, judged_at
FROM refreshes
WHERE site = :site
ORDER BY learned_until DESC
LIMIT 1;
