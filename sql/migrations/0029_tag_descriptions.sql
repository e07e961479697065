-- What the site says of each tag: the excerpt of its tag wiki, by the site's users under CC BY-SA.
CREATE TABLE tag_descriptions (
    site        text        NOT NULL,
    tag         text        NOT NULL,
    description text,                                -- null: the site has none
    read_at     timestamptz NOT NULL,
    PRIMARY KEY (site, tag)
);
