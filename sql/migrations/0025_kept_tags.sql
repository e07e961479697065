-- A person may keep a tag's name: a synonym of itself in a file, which counts more than the site's synonym and
-- ends the proposal of a rename.
ALTER TABLE tag_synonyms DROP CONSTRAINT tag_synonyms_check;
