-- The id of this installation.
-- Binds: none
-- Index: none (installation has one row)
SELECT installation_id FROM installation;
