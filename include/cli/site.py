"""``tagkeeper mail-sink``: a stand-in for an edge that is not the platform's own."""

from pathlib import Path
from typing import Annotated

import typer


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
