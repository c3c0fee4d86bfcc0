"""`argus diagnose`: diagnose a batch here and now, and see how it comes about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import polars as pl
    from sqlalchemy import Engine

    from argus_pipeline.batches.manifest import Manifest
    from argus_pipeline.diagnosis.writer import Written
    from argus_pipeline.knowledge.embedding import Embedder
    from argus_pipeline.report.language import Language
    from argus_pipeline.storage.object_store import ObjectStore


def diagnose(
    batch: Annotated[str, typer.Argument(help="Batch id, of a batch whose statistics are there.")],
    stream: Annotated[
        bool, typer.Option("--stream", help="Show the language model's text as it comes.")
    ] = False,
    save: Annotated[
        bool, typer.Option("--save", help="Keep it in place of the batch's diagnosis and report.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Diagnose a batch anew, and say which route it took and what the language model took.

    Nothing is kept unless --save is given. What comes by --stream is not checked yet; what is
    printed after it is.

    Example: argus diagnose 20261123T101500Z-LFV3A23C0K3000001-7f3a --stream
    """
    from argus_pipeline import settings
    from argus_pipeline.batches.arrivals import get_manifest
    from argus_pipeline.batches.manifest import parse_manifest
    from argus_pipeline.cli.live_text import LiveText
    from argus_pipeline.database.engine import opened_engine
    from argus_pipeline.diagnosis.pipeline import make_case, supervise
    from argus_pipeline.knowledge.embedding import embedder_from
    from argus_pipeline.language_model.model import model_from
    from argus_pipeline.recordings.finished import read_results
    from argus_pipeline.report.language import language_from
    from argus_pipeline.report.markdown import render_markdown
    from argus_pipeline.statistics.storage import read_statistics
    from argus_pipeline.storage.object_store import ObjectStore

    configured = settings.load()
    language = language_from(configured)
    store = ObjectStore(configured)
    data, key, _ = get_manifest(store, batch)
    manifest = parse_manifest(data, key=key, batch=batch)
    case = make_case(
        manifest,
        read_results(store, manifest),
        read_statistics(store, batch),
        _baseline(store, manifest),
    )
    with opened_engine(configured) as engine:
        embedder = embedder_from(configured)
        live = LiveText(lambda line: typer.echo(f"  {line}", err=True))
        written = supervise(
            case,
            engine,
            embedder,
            model_from(configured, engine),
            on_text=live.feed if stream else None,
        )
        if save:
            _save(store, engine, embedder, written, language)
    if as_json:
        typer.echo(written.diagnosis.to_json(), nl=False)
    else:
        typer.echo(render_markdown(written.diagnosis, language=language), nl=False)
    for line in _route(written):
        typer.echo(line, err=True)


def _baseline(store: ObjectStore, manifest: Manifest) -> pl.DataFrame | None:
    from argus_pipeline.errors import BadInput
    from argus_pipeline.fleet.baseline import read_baseline

    try:
        return read_baseline(store, manifest)
    except BadInput as error:
        typer.echo(f"note: no baseline: {error}", err=True)
        return None


def _save(
    store: ObjectStore, engine: Engine, embedder: Embedder, written: Written, language: Language
) -> None:
    from argus_pipeline.charts import read_drawings, stored_charts_that_matter
    from argus_pipeline.diagnosis.pipeline import save_diagnosis
    from argus_pipeline.report.writing import write_report

    found = written.diagnosis
    save_diagnosis(engine, found, embedder)
    shown = stored_charts_that_matter(store, found.batch)
    write_report(store, found, read_drawings(store, found.batch, shown), language)


def _route(written: Written) -> list[str]:
    """Which way it went, in lines for the terminal."""
    found, call = written.diagnosis, written.call
    probability = found.route.probability
    lines = [f"route: {found.route.path} ({'; '.join(found.route.reasons)})"]
    if probability is not None:
        state = "calibrated" if found.confidence.calibrated else "not calibrated"
        lines.append(f"probability: {probability:.2f} ({state})")
    if call is not None and call.cached:
        lines.append(f"model: {call.model}, whose answer to this question was kept")
    elif call is not None:
        lines.append(
            f"model: {call.model} ({call.rung}), {call.calls} call{'s' if call.calls != 1 else ''},"
            f" {call.input_tokens:,} tokens read, {call.output_tokens:,} written, cost"
            f" {call.cost:.4f}"
        )
    if found.dropped:
        lines.append(f"dropped: {found.dropped} claims that did not hold")
    if written.trouble:
        lines.append(f"note: {found.route.missing}: {written.trouble}")
    return lines
