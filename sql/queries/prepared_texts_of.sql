-- Prepared texts of some questions, in no order.
-- Binds: site (text), text_version (text), question_ids (bigint[])
-- Index: prepared_texts_pkey
SELECT question_id, title, prose, code
FROM prepared_texts
WHERE site = :site
  AND text_version = :text_version
  AND question_id = ANY (CAST(:question_ids AS bigint[]));
