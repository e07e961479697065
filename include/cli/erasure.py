"""``tagkeeper erase``: what the service keeps of one client, API key or prediction."""

from typing import Annotated
from uuid import UUID

import typer

from include.errors import CheckFailedError


def erase(
    prediction: Annotated[UUID | None, typer.Option(help="Id of one answer.")] = None,
    client: Annotated[str | None, typer.Option(help="Name that a client sent.")] = None,
    key: Annotated[str | None, typer.Option(help="Name of an API key.")] = None,
    dry_run: Annotated[bool, typer.Option(help="Only say what would be erased.")] = False,
) -> None:
    """
    Erase the questions, answers and feedback of one client, API key or prediction.

    They are removed from the tables, this machine's spool, and the reports on recent predictions;
    then everything is searched again, which must find nothing. Backups keep them until they expire.
    """
    from include.jobs.drift import erasure
    from include.settings import Settings
    from include.store.engine import process_engine
    from include.store.erasure import DataSubject
    from serving.erasure import count_in_spool, erase_from_spool

    settings = Settings.from_env()
    subject = DataSubject(prediction, client, key)
    engine = process_engine(settings.require_database_url())
    spool = settings.local_dir / "spool"
    spooled = erase_from_spool(spool, subject, dry_run=dry_run)
    found = (
        erasure.find(engine, subject)
        if dry_run
        else erasure.erase(engine, settings, subject, spooled)
    )
    word = "would be erased" if dry_run else "erased"
    for place, amount in {**found.amounts(), "spool": spooled}.items():
        typer.echo(f"{place}: {amount} {word}")
    if dry_run:
        return
    left = erasure.find(engine, subject, found.rows).amounts()
    left["spool"] = count_in_spool(spool, subject)
    typer.echo(f"left: {sum(left.values())}")
    if any(left.values()):
        raise CheckFailedError(
            f"still there: {left}. The service has recorded more meanwhile: make the key invalid "
            "(tagkeeper keys remove), then run this again"
        )
