-- Finished backups. A backup itself is a folder with a manifest; this table is for people and metrics.

CREATE TABLE backups (
    backup_id      text        PRIMARY KEY,          -- its time, which is also its folder's name
    started_at     timestamptz NOT NULL,
    finished_at    timestamptz NOT NULL,
    place          text        NOT NULL,
    bytes          bigint      NOT NULL,             -- of everything that can be restored
    new_bytes      bigint      NOT NULL,             -- written; files that an earlier backup has are not
    file_count     integer     NOT NULL
);
CREATE INDEX backups_finished_idx ON backups (finished_at DESC);
