-- From how many uses a tag is in the vocabulary: more than min_tag_count where there would be too many tags.
-- Null in the rows of earlier releases. fits.tag_count counts tags with at least as many uses.
ALTER TABLE datasets ADD COLUMN least_uses integer CHECK (least_uses >= min_tag_count);
