"""``tagkeeper predictions``: what the service recorded and could not store."""

import typer

from include.errors import CheckFailedError

app = typer.Typer(no_args_is_help=True, help="Predictions that the service recorded.")


@app.callback()
def _group() -> None:
    """Keep ``replay`` a subcommand although it is the only one."""


@app.command()
def replay() -> None:
    """Store the rows that PostgreSQL refused, once the reason is gone; safe to run twice."""
    from include.settings import Settings
    from serving.replay import replay as replay_refused

    settings = Settings.from_env()
    stored = replay_refused(settings.local_dir / "spool", settings.require_database_url())
    typer.echo(f"{stored.rows} rows stored")
    if stored.refused:
        reasons = "; ".join(sorted({refused.reason for refused in stored.refused}))
        raise CheckFailedError(f"{len(stored.refused)} rows are refused again: {reasons}")
