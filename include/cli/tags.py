"""``tagkeeper synonyms`` and ``descriptions``: what the site's API says of its tags."""

from __future__ import annotations

from typing import Annotated

import typer


def synonyms(
    full: Annotated[
        bool, typer.Option("--full", help="Read all of them, and forget those that are gone.")
    ] = False,
) -> None:
    """
    Read the tag synonyms that the site has made since the last time; ingest_recent does it daily.

    A file of your own, also of retired tags, is read by import --synonyms.
    """
    from include.jobs.ingestion.synonyms import SynonymIngestion
    from include.settings import Settings

    settings = Settings.from_env()
    read = SynonymIngestion.from_settings(settings).pull(full=full)
    typer.echo(
        f"{read['synonyms']:,} synonyms of {settings.site} read with {read['requests']} requests; "
        f"{'names of tags have changed' if read['changed'] else 'no name has changed'}"
    )


def descriptions() -> None:
    """
    Read what the site says of the tags in use, as far as it is due; ingest_recent does it daily.

    At most ten requests of twenty tags: first those that were never asked for, then those that were
    read half a year ago. A dump's and a file of your own are read by import --descriptions.
    """
    from include.jobs.ingestion.tag_descriptions import DescriptionIngestion
    from include.settings import Settings

    settings = Settings.from_env()
    read = DescriptionIngestion.from_settings(settings).pull()
    typer.echo(
        f"{read['tags']:,} tags of {settings.site} asked for with {read['requests']} requests: "
        f"{read['described']:,} have a description, {read['added']:,} added, "
        f"{read['changed']:,} changed, {read['removed']:,} removed"
    )
