-- Record what retention removed.
-- Binds: kind (text), name (text), amount (bigint), bytes (bigint)
-- Index: removals_pkey
INSERT INTO removals (kind, name, amount, bytes) VALUES (:kind, :name, :amount, :bytes);
