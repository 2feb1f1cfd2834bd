"""Commands for the keys of the price service."""

from typing import Annotated

import typer

from carvalue.cli.console import print_error, print_line

app = typer.Typer(no_args_is_help=True)
Client = Annotated[str, typer.Argument(help="A name for logs: up to 40 of a-z, 0-9 and -.")]


@app.callback()
def keys() -> None:
    """Say who may ask the price service; one that runs takes a change up within a second."""


@app.command()
def new(client: Client) -> None:
    """Make a key for a client, beside those it has, and print it: it is kept nowhere."""
    from datetime import UTC, datetime

    from carvalue.serving.auth import KeyFile
    from carvalue.settings import load_settings

    path = load_settings().service_keys_file
    if not path.exists():
        print_error("from now on everyone needs a key: this machine's page and commands send SERVICE_API_KEY")
    key, kept = KeyFile(path).add(client, today=datetime.now(UTC).date())
    print_error(f"kept as a hash in {path}; for a service elsewhere add to its SERVICE_KEYS: {kept.line()}")
    print_line(key)


@app.command("list")
def list_keys() -> None:
    """List who has keys in the file, since when, and how their hashes begin."""
    from carvalue.serving.auth import MAX_CLIENT_NAME, KeyFile
    from carvalue.settings import load_settings

    for key in KeyFile(load_settings().service_keys_file).read():
        created_on = key.created_on or "-"
        print_line(f"{key.client:<{MAX_CLIENT_NAME}} {created_on!s:<10} sha256:{key.digest[:12]}...")


@app.command()
def revoke(
    client: Client,
    old: Annotated[bool, typer.Option("--old", help="Keep the newest key.")] = False,
) -> None:
    """Take a client's keys away: all of them, or all but the newest."""
    from carvalue.serving.auth import KeyFile
    from carvalue.settings import load_settings

    file = KeyFile(load_settings().service_keys_file)
    gone = file.revoke_old(client) if old else file.revoke(client)
    print_line(f"{gone} of {client}'s keys revoked")
