"""``tagkeeper sandbox``, ``mail-sink``, ``evidently-ui`` and ``exporter``: servers of the stack."""

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class EventSet(StrEnum):
    """What changes in a simulation."""

    DEMO = "demo"
    SEEDED = "seeded"
    NONE = "none"


def sandbox(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 selects a free one.")] = 0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    data: Annotated[
        Path | None, typer.Option(help="Serve this .jsonl or .jsonl.gz file, not a simulation.")
    ] = None,
    site: Annotated[
        str, typer.Option(help="Name that requests must give; the file's, or 'sandbox'.")
    ] = "",
    seed: Annotated[int | None, typer.Option(help="Seed of the simulation.")] = None,
    months: Annotated[int | None, typer.Option(min=1, help="Months to simulate.")] = None,
    questions_per_month: Annotated[
        int | None, typer.Option(min=1, help="Mean volume of the simulation.")
    ] = None,
    events: Annotated[
        EventSet,
        typer.Option(
            help="What changes in the simulation: the two events of the demo, each kind of event "
            "in months that depend on the seed, or nothing."
        ),
    ] = EventSet.DEMO,
    events_file: Annotated[
        Path | None, typer.Option(help="Write the simulation's events there, as JSON.")
    ] = None,
    large: Annotated[
        int,
        typer.Option(
            metavar="QUESTIONS",
            min=0,
            help="Simulate a site as large as Stack Overflow instead, with so many questions over "
            "--months months; serving them takes 6 kB of memory for each.",
        ),
    ] = 0,
    tags: Annotated[int | None, typer.Option(min=1, help="Tags of the large site.")] = None,
    write: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the large site into a .jsonl, .jsonl.gz or .xml (data dump) file and end.",
        ),
    ] = None,
    quota: Annotated[int, typer.Option(help="Requests per day.")] = 10_000,
    key: Annotated[
        str, typer.Option(help="The only accepted API key; any is accepted if not set.")
    ] = "",
    synonyms: Annotated[
        Path | None, typer.Option(help="Serve the tag synonyms of this .csv or .jsonl file.")
    ] = None,
) -> None:
    """Serve a local Stack Exchange site: simulated questions with known drift, or a file."""
    from include.sandbox.site import SandboxOptions, serve, write_large_site

    chosen = {
        "seed": seed,
        "months": months,
        "questions_per_month": questions_per_month,
        "tags": tags,
    }
    options = SandboxOptions(
        port=port,
        host=host,
        data=data,
        site=site,
        events=events.value,
        events_file=events_file,
        large=large,
        quota=quota,
        key=key,
        synonyms=synonyms,
        **{name: value for name, value in chosen.items() if value is not None},
    )
    if write is None:
        serve(options)
        return
    started = time.monotonic()
    count = write_large_site(options, write)
    typer.echo(f"{count} questions in {write} after {time.monotonic() - started:.0f} s")


def mail_sink(
    port: Annotated[int, typer.Option(help="Port to listen on.", show_default=False)],
    folder: Annotated[Path, typer.Option(help="Folder of the .eml files.", show_default=False)],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Store every received mail as a file."""
    import asyncio
    import logging

    from include.local_stack.mail_sink import serve

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", force=True)
    asyncio.run(serve(host, port, folder))


def evidently_ui(
    port: Annotated[int, typer.Option(help="Port to listen on.", show_default=False)],
    workspace: Annotated[Path, typer.Option(help="Folder of the reports.", show_default=False)],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    hosts: Annotated[
        str, typer.Option(help="Names, besides loopback's, under which browsers may reach it.")
    ] = "",
) -> None:
    """Show the drift reports in Evidently's UI, to pages of this host only."""
    from include.local_stack.evidently_ui import serve

    serve(host, port, workspace, hosts)


def exporter(
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 9108,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """
    Serve the platform's state to Prometheus: DAGs, months, model, drift, tables, machine.

    It shows no question and no secret. docs/monitoring.md lists the metrics.
    """
    import logging

    from include.monitoring.exporter import serve
    from include.settings import Settings

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", force=True)
    serve(Settings.from_env(), host, port)
