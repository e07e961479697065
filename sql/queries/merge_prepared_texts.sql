-- Take the staged texts over; the text of an edited question replaces the older one.
-- Binds: none
-- Index: prepared_texts_pkey
INSERT INTO prepared_texts (site, question_id, text_version, content_hash, title, prose, code)
SELECT site, question_id, text_version, content_hash, title, prose, code
FROM prepared_staging
ON CONFLICT (site, question_id, text_version) DO UPDATE SET
    content_hash = excluded.content_hash,
    title = excluded.title,
    prose = excluded.prose,
    code = excluded.code;
