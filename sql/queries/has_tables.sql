-- Whether the schema public of any database holds a table.
-- Binds: none
-- Index: of the system catalogue
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')
);
