"""``tagkeeper backup``, ``restore`` and ``reconcile``."""

from typing import Annotated

import typer


def backup() -> None:
    """
    Back up databases, artifacts, reports and spool into BACKUP_DIR, while everything runs.

    Only what an earlier backup does not have is written; the newest BACKUPS_KEPT are kept.
    """
    from include.jobs.backup.create import back_up
    from include.settings import Settings

    done = back_up(Settings.from_env())
    seconds = (done.finished_at - done.started_at).total_seconds()
    typer.echo(
        f"{done.place}: {done.file_count} files, {done.bytes / 1e6:,.1f} MB, of which "
        f"{done.new_bytes / 1e6:,.1f} MB were new; {seconds:.1f} s"
    )


def restore(
    backup_id: Annotated[
        str, typer.Argument(help="Name of the backup's folder; the newest if not given.")
    ] = "",
    replace: Annotated[
        bool, typer.Option(help="Replace what the databases and folders hold.")
    ] = False,
) -> None:
    """
    Restore a backup of BACKUP_DIR; only PostgreSQL may run meanwhile.

    A stack of `make up` in LOCAL_DIR is stopped for it, except PostgreSQL; start it again with
    `make up`, then run `tagkeeper reconcile`.
    """
    from include.jobs.backup.restore import restore as restore_backup
    from include.local_stack.stack import is_running
    from include.local_stack.supervisor import Supervisor
    from include.settings import Settings

    settings = Settings.from_env()
    local = settings.local_dir.resolve()

    def stop_platform() -> None:
        if is_running(local):
            supervisor = Supervisor(local)
            others = [name for name in supervisor.states() if name != "postgres"]
            supervisor.stop_processes(others, timeout_s=40)

    manifest = restore_backup(
        settings, backup_id or None, replace=replace, stop_platform=stop_platform
    )
    typer.echo(
        f"restored {manifest.backup_id}: {len(manifest.files)} files, all verified. Start the "
        "platform, then run `tagkeeper reconcile`."
    )


def reconcile() -> None:
    """Make MLflow's aliases what the ledger says, and verify the files of their versions."""
    from include.jobs.release.reconcile import reconcile as reconcile_aliases
    from include.settings import Settings

    moved = reconcile_aliases(Settings.from_env())
    for alias, version in moved.items():
        typer.echo(f"{alias}: {f'version {version}' if version else 'removed'}")
    typer.echo(f"{len(moved)} aliases changed; the files of all are those that were promoted")
