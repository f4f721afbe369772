"""``chattool keys``: what lets daemons on other machines work for a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from chattool.cli.command import Command, WrongUsage, named_values, run
from chattool.cli.screen import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.records import ProvisionerKey

app = typer.Typer(help="Keys of daemons that work for a server.", no_args_is_help=True)


@app.command()
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the new key.", show_default=False)],
    tag: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Let its daemons take builds of templates with such tags only; may be repeated.",
            show_default=False,
        ),
    ] = None,
) -> int:
    """Make a key and print it, this once: only a digest is kept.

    Its holder can do a daemon's work, with these tags, and nothing else.

    Example: [cyan]chattool keys create builders > daemon.key[/cyan]
    """
    return run(ctx, lambda command: _create(command, name, named_values("--tag", tag or [])))


@app.command("list")
def list_keys(ctx: typer.Context) -> int:
    """List the keys, revoked ones included."""
    return run(ctx, _list)


@app.command()
def revoke(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the key.", show_default=False)],
) -> int:
    """End a key at once. Its daemons end, and what they were building is repaired like after a crash."""
    return run(ctx, lambda command: _revoke(command, name))


async def _create(command: Command, name: str, tags: Mapping[str, str]) -> None:
    from chattool.cli.session import open_operations
    from db import names

    if not names.is_valid(name):
        raise WrongUsage(f"{name!r} cannot be a key: a name has {names.RULE}")
    async with open_operations(command.options, makes=True) as operations:
        key, secret = await operations.create_key(name, tags)
    command.screen.show(_document(key) | {"key": secret}, secret)


async def _list(command: Command) -> None:
    from chattool.cli.session import open_operations

    async with open_operations(command.options) as operations:
        found = await operations.keys()
    command.screen.show(
        [_document(key) | {"daemons": daemons} for key, daemons in found],
        Table(
            columns=("key", "tags", "daemons", "status"),
            rows=[
                (
                    key.name,
                    " ".join(f"{name}={value}" for name, value in sorted(key.tags.items())),
                    daemons,
                    "valid" if key.revoked_at is None else f"revoked {key.revoked_at:%Y-%m-%d %H:%M}",
                )
                for key, daemons in found
            ],
        ),
    )


async def _revoke(command: Command, name: str) -> None:
    from chattool.cli.session import open_operations

    async with open_operations(command.options) as operations:
        await operations.revoke_key(name)
    command.screen.show({"name": name, "revoked": True}, f"Key {name} is revoked.")


def _document(key: ProvisionerKey) -> dict[str, object]:
    document: dict[str, object] = {
        "id": str(key.id),
        "name": key.name,
        "tags": dict(key.tags),
        "created_at": key.created_at.isoformat(),
    }
    if key.revoked_at is not None:
        document["revoked_at"] = key.revoked_at.isoformat()
    return document
