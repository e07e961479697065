"""``tagkeeper rollback``: the champion back to an earlier version."""

import getpass
from typing import Annotated

import typer
from rich.console import Console


def rollback(
    reason: Annotated[str, typer.Option(help="Why: goes into the ledger of promotions.")],
    to: Annotated[str, typer.Option(help="A version's number, or 'previous'.")] = "previous",
    actor: Annotated[str, typer.Option(help="Who; your login if not given.")] = "",
    wait: Annotated[bool, typer.Option(help="Wait until the service answers with it.")] = True,
) -> None:
    """Roll the champion back to an earlier version, with a row in the ledger of promotions."""
    from include.jobs.release.rollback import roll_back_from_settings, verify_from_settings
    from include.settings import Settings

    settings, console = Settings.from_env(), Console(markup=False)
    row = roll_back_from_settings(
        settings, version=to, reason=reason, actor=actor or getpass.getuser()
    )
    console.print(f"champion: version {row.from_version} to {row.to_version}")
    if wait:
        seconds = verify_from_settings(settings, row.to_version)
        console.print(f"the service answers with it after {seconds:.1f} s")
