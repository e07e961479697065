-- Write down what followed from a report; a retraining that was decided stays decided.
-- Binds: report_id (bigint), action (text), reason (text), training_run_id (text)
-- Index: decisions_report_id_key
INSERT INTO decisions (report_id, action, reason, training_run_id)
VALUES (:report_id, :action, :reason, :training_run_id)
ON CONFLICT (report_id) DO UPDATE SET
    action = excluded.action,
    reason = excluded.reason,
    training_run_id = excluded.training_run_id,
    decided_at = now()
WHERE decisions.action <> 'retrain';
