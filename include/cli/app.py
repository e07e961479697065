"""The subcommands together, and how their errors reach the shell."""

import logging
import sys
from collections.abc import Sequence
from typing import Final

import typer
from rich.console import Console

from include.cli import (
    backups,
    data,
    erasure,
    imports,
    keys,
    learning,
    platform,
    predictions,
    releases,
    site,
    tags,
)
from include.errors import FixInputError, FixSettingsError, RetryLaterError, TagkeeperError

EXIT_FAILED: Final = 1
EXIT_FIX_INPUT: Final = 2
EXIT_TRY_LATER: Final = 75
"""``EX_TEMPFAIL`` of sysexits.h: the same command may succeed later."""
EXIT_INTERRUPTED: Final = 130

app = typer.Typer(
    name="tagkeeper",
    help="Keeps a tag suggester good over time: fetch questions, train and compare models, serve "
    "the best, watch it drift. Settings come from the environment (docs/settings.md); "
    "[bold]tagkeeper status[/bold] prints those of a running platform.",
    epilog=f"Exit codes: 0 done, {EXIT_FAILED} failed, {EXIT_FIX_INPUT} wrong input or settings, "
    f"{EXIT_TRY_LATER} try again later.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

_PLATFORM: Final = "The platform on this machine"
_QUESTIONS: Final = "Questions"
_MODELS: Final = "Models"
_OPERATION: Final = "Operation"

app.command(rich_help_panel=_PLATFORM)(platform.up)
app.command(rich_help_panel=_PLATFORM)(platform.down)
app.command(rich_help_panel=_PLATFORM)(platform.status)
app.command(rich_help_panel=_PLATFORM)(platform.demo)
app.command(rich_help_panel=_QUESTIONS)(data.ingest)
app.command("import", rich_help_panel=_QUESTIONS)(imports.import_)
app.command(rich_help_panel=_QUESTIONS)(tags.synonyms)
app.command(rich_help_panel=_QUESTIONS)(tags.descriptions)
app.command(rich_help_panel=_QUESTIONS)(data.transform)
app.command(rich_help_panel=_QUESTIONS)(site.sandbox)
app.command(rich_help_panel=_MODELS)(learning.train)
app.command(rich_help_panel=_MODELS)(learning.evaluate)
app.command(rich_help_panel=_MODELS)(learning.register)
app.command(rich_help_panel=_MODELS)(learning.refresh)
app.command(rich_help_panel=_MODELS)(learning.stability)
app.command(rich_help_panel=_MODELS)(learning.check_drift)
app.command(rich_help_panel=_MODELS)(releases.rollback)
app.add_typer(keys.app, name="keys", rich_help_panel=_OPERATION)
app.add_typer(predictions.app, name="predictions", rich_help_panel=_OPERATION)
app.command(rich_help_panel=_OPERATION)(erasure.erase)
app.command(rich_help_panel=_OPERATION)(site.exporter)
app.command(rich_help_panel=_OPERATION)(platform.env)
app.command(rich_help_panel=_OPERATION)(platform.migrate)
app.command(rich_help_panel=_OPERATION)(backups.backup)
app.command(rich_help_panel=_OPERATION)(backups.restore)
app.command(rich_help_panel=_OPERATION)(backups.reconcile)
app.command(hidden=True)(platform.docs)
app.command(hidden=True)(platform.healthcheck)
app.command(hidden=True)(platform.provision)
app.command(hidden=True)(platform.prepare_airflow)
app.command(hidden=True)(site.mail_sink)
app.command(hidden=True)(site.evidently_ui)


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command line and return the process's exit code.

    Parameters
    ----------
    arguments : sequence of str or None
        Without the program's name; those of the process if None.
    """
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        app(args=given, prog_name="tagkeeper")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except RetryLaterError as error:
        _say(error, "yellow")
        _say("Run the same command again later; it goes on where it stopped.", "yellow")
        return EXIT_TRY_LATER
    except (FixInputError, FixSettingsError) as error:
        _say(error, "red")
        return EXIT_FIX_INPUT
    except TagkeeperError as error:
        _say(error, "red")
        return EXIT_FAILED
    except Exception as error:
        outage = _outage(error)
        if outage is None:
            raise
        _say(outage, "yellow")
        return EXIT_TRY_LATER
    return 0


def _outage(error: Exception) -> str | None:
    """Return what to say of an unavailable database; None for any other error."""
    if "sqlalchemy" not in sys.modules:  # not imported for its sake: it takes half a second
        return None
    from sqlalchemy.exc import OperationalError

    from include.store.engine import explain

    return explain(error) if isinstance(error, OperationalError) else None


def _say(message: object, colour: str) -> None:
    """Print a message in one colour; its brackets are not markup."""
    Console(stderr=True, soft_wrap=True).print(
        str(message), style=colour, markup=False, highlight=False
    )
