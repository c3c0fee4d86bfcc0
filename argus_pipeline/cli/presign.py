"""`argus presign`: addresses with a time limit, for a vehicle that holds no keys."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from argus_pipeline.upload.presign import Address, Presigned


def presign(
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="The files of the batch.")],
    vehicle: Annotated[str, typer.Option(metavar="VIN", help="Which vehicle or test bench.")],
    platform: Annotated[str, typer.Option(help="Its platform, such as J7.")],
    firmware: Annotated[str, typer.Option(help="What it runs at the end of the recordings.")],
    firmware_from: Annotated[
        str | None, typer.Option(help="What it ran before, if they contain or follow an update.")
    ] = None,
    campaign: Annotated[str | None, typer.Option(help="The update campaign.")] = None,
    priority: Annotated[
        str | None, typer.Option(metavar="P0|P1|P2", help="P0 goes first. Default: P1.")
    ] = None,
    valid: Annotated[
        str, typer.Option(metavar="TIME", help="How long they may be used: 90s, 15m, 2h, 7d.")
    ] = "1h",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Make upload addresses for one batch of a vehicle that holds no keys.

    Example: argus presign ecu1.dlt drive.rec --vehicle LFV3A23C0K3000001 --platform J7
    --firmware v2.3.1 --valid 2h --json

    Each address takes one PUT of one file of this batch and nothing else. The manifest goes last;
    the vehicle adds size and SHA-256 of each file to what is printed. Whoever has an address can
    use it, so send it where you would send a password.
    """
    from argus_pipeline import settings
    from argus_pipeline.upload.options import BatchOptions
    from argus_pipeline.upload.presign import parse_duration
    from argus_pipeline.upload.presign import presign as make

    options = BatchOptions(vehicle, platform, firmware, firmware_from, campaign, priority)
    made = make(settings.load(), options, names, valid=parse_duration(valid))
    if as_json:
        content = {**asdict(made), "expires": made.expires.isoformat()}
        typer.echo(json.dumps(content, indent=1))
    else:
        _print(made)


def _print(made: Presigned) -> None:
    typer.echo(f"# batch {made.batch}, until {made.expires:%Y-%m-%d %H:%M:%S} UTC")
    for address in made.files:
        typer.echo(_curl(address))
    typer.echo("# manifest.json is this, with the size and sha256 of each file; it goes last:")
    typer.echo(f"# {json.dumps(made.template)}")
    typer.echo(_curl(made.manifest))


def _curl(address: Address) -> str:
    headers = [
        part for name, value in address.headers.items() for part in ("-H", f"{name}: {value}")
    ]
    return shlex.join(["curl", "--fail", "-T", address.name, *headers, address.url])
