-- Synonyms, renames and retired tags. Questions keep the tags that they were asked with; whoever reads
-- tags applies `canonical_tags`, which is made from `tag_synonyms` in the same transaction.

CREATE TABLE tag_synonyms (
    site       text        NOT NULL,
    from_tag   text        NOT NULL,
    source     text        NOT NULL CHECK (source IN ('api', 'file')),
    to_tag     text,                                -- null: the tag is retired
    created_at timestamptz,                         -- on the site, if the source says
    known_at   timestamptz NOT NULL DEFAULT now(),  -- since when it says this here
    PRIMARY KEY (site, from_tag, source),
    CHECK (from_tag <> to_tag)
);

-- The end of each chain of synonyms; null for a retired tag. Canonical tags have no row.
CREATE TABLE canonical_tags (
    site      text NOT NULL,
    tag       text NOT NULL,
    canonical text,
    PRIMARY KEY (site, tag)
);

-- When the site's own list was last read: all of it, and what is new since.
CREATE TABLE synonym_pulls (
    site      text        PRIMARY KEY,
    full_at   timestamptz NOT NULL,
    pulled_at timestamptz NOT NULL
);

-- Tags by their canonical names, each once, without retired ones, in the order of the given ones.
CREATE FUNCTION with_canonical_names(of_site text, tags text[]) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN NOT EXISTS (SELECT FROM canonical_tags WHERE site = of_site AND tag = ANY (tags)) THEN tags
        ELSE ARRAY(
            SELECT coalesce(c.canonical, given.tag)
            FROM unnest(tags) WITH ORDINALITY AS given (tag, position)
            LEFT JOIN canonical_tags AS c ON c.site = of_site AND c.tag = given.tag
            WHERE c.tag IS NULL OR c.canonical IS NOT NULL
            GROUP BY 1
            ORDER BY min(given.position)
        )
    END
$$;
