"""Options that several subcommands share."""

from typing import Annotated

import typer

from include.names import AUTO, CANDIDATES


def _complete_candidate(incomplete: str) -> list[str]:
    return [name for name in (AUTO, *CANDIDATES) if name.startswith(incomplete)]


LastMonth = Annotated[
    str, typer.Option("--to", help="Last month, YYYY-MM; the first if not given.")
]
Candidates = Annotated[
    list[str],
    typer.Option(
        "--candidate",
        help=f"May be repeated. One of {AUTO}, {', '.join(CANDIDATES)}.",
        autocompletion=_complete_candidate,
        show_default=False,
    ),
]
WindowMonths = Annotated[
    int, typer.Option(min=0, help="Number of training months; 0 means all that are stored.")
]
TestMonth = Annotated[
    str, typer.Option(help="YYYY-MM; the latest completely stored month if not given.")
]
Reason = Annotated[str, typer.Option(help="Goes into the ledger of promotions.")]
