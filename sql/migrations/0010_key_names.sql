-- Which API key asked, and which one gave feedback: nobody is trusted beyond their own rows. NULL: the
-- service ran without keys, which it only does on loopback.

ALTER TABLE predictions ADD COLUMN key_name text;
ALTER TABLE feedback ADD COLUMN key_name text;
