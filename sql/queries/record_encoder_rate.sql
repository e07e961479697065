-- Note how long a machine took for some texts; the latest measurement replaces the one before.
-- Binds: encoder (text), machine (text), title_only (boolean), texts (int), seconds (double precision)
-- Index: encoder_rates_pkey
INSERT INTO encoder_rates (encoder, machine, title_only, texts, seconds)
VALUES (:encoder, :machine, :title_only, :texts, :seconds)
ON CONFLICT (encoder, machine, title_only) DO UPDATE
SET texts = excluded.texts, seconds = excluded.seconds, measured_at = now();
