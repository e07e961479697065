"""``tagkeeper keys``: who may ask the service."""

from pathlib import Path
from typing import Annotated

import typer

from include.errors import FixSettingsError

app = typer.Typer(no_args_is_help=True, help="API keys of the service, hashed at rest.")

KeysFile = Annotated[
    Path | None,
    typer.Option("--file", help="The keys' file; SERVICE_API_KEYS_FILE if not given."),
]
Name = Annotated[str, typer.Argument(help="Whose key it is.")]


@app.command()
def add(name: Name, file: KeysFile = None) -> None:
    """Make a key and show it, once."""
    from serving.keys import add_key

    typer.echo(add_key(_path(file), name))


@app.command()
def remove(name: Name, file: KeysFile = None) -> None:
    """Make a key invalid; running services notice within seconds."""
    from serving.keys import remove_key

    remove_key(_path(file), name)


@app.command("list")
def list_(file: KeysFile = None) -> None:
    """Show the names that have a key."""
    from serving.keys import read_keys

    path = _path(file)
    for name in read_keys(path) if path.exists() else ():
        typer.echo(name)


def _path(file: Path | None) -> Path:
    from include.settings import Settings

    path = file or Settings.from_env().service_api_keys_file
    if path is None:
        raise FixSettingsError("set SERVICE_API_KEYS_FILE, or pass --file")
    return path
