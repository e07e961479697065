-- Each question is cleaned once per version of the cleaning code and embedded once per encoder.

CREATE TABLE prepared_texts (
    site         text   NOT NULL,
    question_id  bigint NOT NULL,
    text_version text   NOT NULL,   -- include.text.prepare.TEXT_VERSION
    content_hash bytea  NOT NULL,   -- of title and body: an edited question is cleaned again
    title        text   NOT NULL,
    prose        text   NOT NULL,
    code         text   NOT NULL,
    PRIMARY KEY (site, question_id, text_version)
);

-- The hash is part of the key, so that an edited question, or a part of one (its title alone), has
-- a vector of its own and never takes the place of another.
CREATE TABLE embeddings (
    site         text   NOT NULL,
    question_id  bigint NOT NULL,
    encoder      text   NOT NULL,   -- name and version of the encoder
    content_hash bytea  NOT NULL,   -- of the text that was embedded
    vector       bytea  NOT NULL,   -- little-endian float32, the encoder's dimensions
    PRIMARY KEY (site, question_id, encoder, content_hash)
);
