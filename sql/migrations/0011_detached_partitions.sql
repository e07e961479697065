-- A detached partition keeps its name. Its month gets another one, so that rows of that month can be
-- stored; the detached table is the operator's and stays as it is.

CREATE OR REPLACE FUNCTION ensure_month_partition(parent text, moment timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    first timestamptz := date_trunc('month', moment, 'UTC');
    next  timestamptz;
    child text := parent || '_' || to_char(moment AT TIME ZONE 'UTC', 'YYYY_MM');
BEGIN
    next := (first AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC';
    IF is_partition(parent, child) THEN
        RETURN;
    END IF;
    -- The lock that ATTACH takes anyway; an advisory lock would not bring this session's catalogue
    -- cache up to date, and the second look would miss what another session has just made.
    EXECUTE format('LOCK TABLE %I IN SHARE UPDATE EXCLUSIVE MODE', parent);
    WHILE to_regclass(quote_ident(child)) IS NOT NULL LOOP
        IF is_partition(parent, child) THEN
            RETURN;
        END IF;
        child := child || '_again';
    END LOOP;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS '
                   'INCLUDING GENERATED INCLUDING STORAGE INCLUDING COMPRESSION)',
                   child, parent);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                   parent, child, first, next);
END $$;

CREATE FUNCTION is_partition(parent text, child text) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM pg_inherits
        WHERE inhrelid = to_regclass(quote_ident(child)) AND inhparent = to_regclass(quote_ident(parent))
    )
$$;
