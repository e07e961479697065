-- Seconds that each of some encoders takes for a text on a machine, as last measured.
-- Binds: machine (text), encoders (text[])
-- Index: encoder_rates_pkey
SELECT encoder, title_only, seconds / texts AS text_s
FROM encoder_rates
WHERE machine = :machine
  AND encoder = ANY (CAST(:encoders AS text[]));
