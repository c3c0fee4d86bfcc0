"""`argus metrics`: figures for Prometheus, over HTTP or as text."""

from __future__ import annotations

from typing import Annotated

import typer

HOST = "127.0.0.1"
PORT = 9464


def metrics(
    port: Annotated[int, typer.Option(help="Port of 127.0.0.1 to serve them on.")] = PORT,
    once: Annotated[
        bool, typer.Option("--once", help="Print them and end, for a textfile collector.")
    ] = False,
) -> None:
    """Serve metrics for Prometheus on 127.0.0.1: batches, latency, bytes, damage, model calls.

    They are derived from Postgres, the bucket and Dagster's records each time that they are asked
    for. docs/metrics.md lists them and has an example dashboard.

    Example: argus metrics --once > /var/lib/node_exporter/argus.prom
    """
    import threading

    from prometheus_client import generate_latest, start_http_server

    from argus_pipeline import settings
    from argus_pipeline.database.engine import opened_engine
    from argus_pipeline.errors import ArgusError
    from argus_pipeline.metrics.collector import registry_of
    from argus_pipeline.run_records import connect
    from argus_pipeline.storage.object_store import ObjectStore

    configured = settings.load()
    try:
        instance = connect()
    except ArgusError as error:
        typer.echo(f"argus: without Dagster's records: {error}", err=True)
        instance = None
    with opened_engine(configured) as engine:
        registry = registry_of(engine, ObjectStore(configured), instance)
        if once:
            typer.echo(generate_latest(registry).decode(), nl=False)
            return
        try:
            server, thread = start_http_server(port, addr=HOST, registry=registry)
        except OSError as error:
            raise ArgusError(
                f"port {port} of {HOST} cannot be listened on: {error}", where="--port"
            ) from error
        typer.echo(f"http://{HOST}:{server.server_port}/metrics", err=True)
        try:
            threading.Event().wait()
        finally:
            server.shutdown()
            thread.join()
