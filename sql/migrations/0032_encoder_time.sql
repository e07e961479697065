-- How fast a machine embeds texts, and which part of its data a training embeds for that reason.
CREATE TABLE encoder_rates (
    encoder     text             NOT NULL,
    machine     text             NOT NULL,   -- its processor, and the cores that may be used
    title_only  boolean          NOT NULL,   -- questions without their bodies
    texts       integer          NOT NULL CHECK (texts > 0),
    seconds     double precision NOT NULL CHECK (seconds > 0),
    measured_at timestamptz      NOT NULL DEFAULT now(),
    PRIMARY KEY (encoder, machine, title_only)
);

CREATE TABLE encoder_samples (
    data_id        text             NOT NULL,   -- hash of the training or the test data
    encoders       text[]           NOT NULL,
    limit_minutes  double precision NOT NULL,
    question_count integer          NOT NULL,   -- that would be embedded without a limit
    sample_count   integer          NOT NULL CHECK (sample_count BETWEEN 1 AND question_count),
    minutes        double precision NOT NULL,   -- that question_count would take
    machine        text             NOT NULL,
    decided_at     timestamptz      NOT NULL DEFAULT now(),
    PRIMARY KEY (data_id, encoders, limit_minutes, question_count)
);
