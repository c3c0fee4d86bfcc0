"""`argus serve`: pages and an API for those who read; and the tokens that open them."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    invoke_without_command=True,
    help="Serve reports, progress and comparison to everyone who reads.",
)
token = typer.Typer(no_args_is_help=True, help="Tokens of readers: add, list, revoke.")
app.add_typer(token, name="token")


@app.callback(invoke_without_command=True)
def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0: a free one.")
    ] = 0,
    tokens: Annotated[
        bool, typer.Option("--tokens", help="Readers have to bring a token.")
    ] = False,
    proxy: Annotated[
        bool,
        typer.Option("--behind-proxy", help="An authenticating proxy says who comes."),
    ] = False,
    proxy_address: Annotated[
        list[str] | None,
        typer.Option(help="Where that proxy comes from, if not from this machine; several may be."),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option("--name", help="A further name that the server is called by."),
    ] = None,
) -> None:
    """Serve pages and an API that only read, on 127.0.0.1 unless told otherwise.

    Elsewhere it takes --tokens, or --behind-proxy where a proxy asks who comes and says so in
    X-Forwarded-User. docs/serve.md describes pages, API and limits.

    Example: argus serve --port 8080
    """
    if context.invoked_subcommand is not None:
        return
    import os
    import sys
    from dataclasses import replace

    from argus_pipeline import settings
    from argus_pipeline.serve.options import Options, require_guard

    os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "false"
    options = Options(host=host, port=port, tokens=tokens, proxy=proxy, hosts=tuple(name or ()))
    if proxy_address:
        options = replace(options, proxies=tuple(proxy_address))
    require_guard(options)
    from argus_pipeline.serve.app import make_app
    from argus_pipeline.serve.context import make_context
    from argus_pipeline.serve.server import address, listen, make_server
    from argus_pipeline.storage.object_store import ObjectStore

    configured = settings.load()
    made = make_context(options, configured, ObjectStore(configured))
    sock = listen(options)
    print(address(sock), file=sys.stderr, flush=True)
    make_server(make_app(made)).run(sockets=[sock])


@token.command()
def add(
    name: Annotated[str, typer.Argument(help="Whose it is; judgements carry this name.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help="read, vin (vehicles' names), ask (questions), judge; several may be."),
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Good for so many days.")] = None,
) -> None:
    """Make a token and print it, this once. One of the same name opens nothing any more.

    Example: argus serve token add ana --scope vin --scope judge --days 90
    """
    from argus_pipeline import settings
    from argus_pipeline.database.engine import opened_engine
    from argus_pipeline.serve.tokens import add_token

    with opened_engine(settings.load()) as engine:
        made = add_token(engine, name, scope or ["read"], days=days)
    typer.echo(made)


@token.command("list")
def list_() -> None:
    """List the tokens by name, with what they open and until when."""
    from datetime import UTC, datetime

    from argus_pipeline import settings
    from argus_pipeline.database.engine import opened_engine
    from argus_pipeline.serve.tokens import list_tokens

    with opened_engine(settings.load()) as engine:
        found = list_tokens(engine)
    for one in found:
        state = "good" if one.is_good(datetime.now(UTC)) else "opens nothing"
        until = f"until {one.expires_at:%Y-%m-%d}" if one.expires_at else "without an end"
        typer.echo(f"{one.name}: {', '.join(sorted(one.scopes))}; {until}; {state}")
    typer.echo(f"{len(found)} tokens", err=True)


@token.command()
def revoke(name: Annotated[str, typer.Argument(help="As `list` shows it.")]) -> None:
    """Let a token open nothing any more, within seconds."""
    from argus_pipeline import settings
    from argus_pipeline.database.engine import opened_engine
    from argus_pipeline.serve.tokens import revoke_token

    with opened_engine(settings.load()) as engine:
        revoke_token(engine, name)
    typer.echo(f"{name} opens nothing any more")
