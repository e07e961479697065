-- The months from a first to a last, both included, that were built by this version of the code.
-- Binds: site (text), version (text), first_month (text), last_month (text)
-- Index: stored_months_pkey
SELECT month, row_state, content_hash, question_count, untagged_count
FROM stored_months
WHERE site = :site
  AND version = :version
  AND month BETWEEN :first_month AND :last_month
ORDER BY month;
