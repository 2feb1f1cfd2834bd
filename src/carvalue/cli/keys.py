"""Commands for the API keys of the price service."""

from typing import Annotated

import typer

from carvalue.cli.console import print_error, print_line

app = typer.Typer(no_args_is_help=True)
Client = Annotated[str, typer.Argument(help="Name of the client: up to 40 characters of a-z, 0-9 and -.")]


@app.callback()
def keys() -> None:
    """Manage the API keys of the price service; a running service applies changes within a second."""


@app.command()
def new(client: Client) -> None:
    """Create another key for a client and print it; only its hash is stored."""
    from datetime import UTC, datetime

    from carvalue.serving.auth import KeyFile
    from carvalue.settings import KeySettings, load_settings

    path = load_settings(KeySettings).service_keys_file
    if not path.exists():
        print_error(
            "the price service now requires a key; this machine's page and commands send SERVICE_API_KEY"
        )
    key, stored = KeyFile(path).add(client, today=datetime.now(UTC).date())
    print_error(
        f"its hash is stored in {path}; for a service elsewhere, add to SERVICE_KEYS: {stored.line()}"
    )
    print_line(key)


@app.command("list")
def list_keys() -> None:
    """List the clients, the dates of their keys and the beginnings of the hashes."""
    from carvalue.serving.auth import MAX_CLIENT_NAME, KeyFile
    from carvalue.settings import KeySettings, load_settings

    for key in KeyFile(load_settings(KeySettings).service_keys_file).read():
        created_on = key.created_on or "-"
        print_line(f"{key.client:<{MAX_CLIENT_NAME}} {created_on!s:<10} sha256:{key.digest[:12]}...")


@app.command()
def revoke(
    client: Client,
    old: Annotated[bool, typer.Option("--old", help="Revoke all but the newest key.")] = False,
) -> None:
    """Revoke the keys of a client."""
    from carvalue.serving.auth import KeyFile
    from carvalue.settings import KeySettings, load_settings

    file = KeyFile(load_settings(KeySettings).service_keys_file)
    revoked = file.revoke_old(client) if old else file.revoke(client)
    print_line(f"{revoked} of {client}'s keys revoked")
