"""`argus demo`: the whole way from upload to report, on a simulated fleet and real samples."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from argus_pipeline.cli import stack as stack_commands
from argus_pipeline.cli.status import status_table

if TYPE_CHECKING:
    from rich.console import Console

    from argus_pipeline.batch_status import BatchStatus
    from argus_pipeline.storage.object_store import ObjectStore
    from argus_pipeline.upload.options import BatchOptions

# Prefixes of the bucket that people read, and the folder that each is copied to.
COPIED: Final = ("reports", "charts", "parsed", "statistics", "quarantine")
_THREADS: Final = 8
# The demo's campaign: enough vehicles for a verdict, and little to parse.
CAMPAIGN_VEHICLES: Final = 5
CAMPAIGN_MEGABYTES: Final = 0.1
# The roll-ups follow the last batch by a tick of the sensor and a run.
SECONDS_FOR_ROLL_UPS: Final = 90


def demo(
    out: Annotated[Path, typer.Option(help="Folder that gets a copy of all that was made.")] = Path(
        "demo-output"
    ),
    seed: Annotated[int, typer.Option(help="Another seed makes another fleet.")] = 1,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the reports.", min=1)] = 300,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the stack running, to look around in the UI.")
    ] = False,
) -> None:
    """Show the whole pipeline: start the stack, upload a small fleet, wait for its reports.

    Uploads simulated batches and the real samples the way a vehicle does, shows at which stage
    each is, copies what was made and says where everything is. A stack that ran before goes on
    running.

    Exit status: 0 when every batch reached its report and the roll-ups have all of them, 1
    otherwise.
    """
    from rich.console import Console

    from argus_pipeline import settings
    from argus_pipeline.batches.stages import Stage
    from argus_pipeline.run_records import run_url
    from argus_pipeline.storage.object_store import ObjectStore

    console = Console(highlight=False)
    began = time.monotonic()
    with _running_stack(console, keep=keep):
        store = ObjectStore(settings.load())
        console.print("\n[bold]Upload[/]: a simulated fleet and the samples, as a vehicle does")
        batches = [
            _upload(console, store, paths, options)
            for paths, options in _fleet(console, store, seed)
        ]
        console.print("\n[bold]Pipeline[/]: the sensor sees the manifests; nobody helps")
        statuses = _watch(console, store, batches, timeout)
        finished = [s.batch for s in statuses if s.stage is Stage.DONE]
        console.print(f"\n[bold]Results[/], copied to {out}/ and kept in the bucket")
        verdicts = {batch: _show_results(console, store, batch, out) for batch in finished}
        console.print("\n[bold]Reports[/]")
        for batch, verdict in verdicts.items():
            console.print(f"  {out / batch / 'report.html'}", soft_wrap=True)
            console.print(f"    {verdict}", markup=False, soft_wrap=True)
        console.print("\n[bold]All batches[/]: did the update make anything worse?")
        compared = _show_fleet(console, store, out)
        console.print(f"\n{len(finished)} of {len(batches)} batches have their report", end=" ")
        console.print(f"after {time.monotonic() - began:.0f} s.")
        for one in statuses:
            if one.stage is not Stage.DONE:
                where = run_url(one.run_id) if one.run_id else ""
                console.print(
                    f"{one.batch} is {one.stage.value}: {one.detail} {where}",
                    style="red",
                    markup=False,
                    soft_wrap=True,
                )
    if len(finished) < len(batches) or not compared:
        raise typer.Exit(1)


@contextmanager
def _running_stack(console: Console, *, keep: bool) -> Iterator[None]:
    from argus_pipeline import settings
    from argus_pipeline.stack.up import Stack

    ran_before = bool(Stack(settings.home(), settings.root()).running())
    console.print("[bold]Stack[/]: Postgres, an S3 store and Dagster, all on this machine")
    try:
        stack_commands.up(store=None, ui_port=None, dagster=True, wait=True)
        yield
    finally:
        if not (keep or ran_before):
            console.print("\n[bold]Stack[/]: stopping; `argus up` has everything there again")
            stack_commands.down()


def _fleet(
    console: Console, store: ObjectStore, seed: int
) -> Iterator[tuple[Sequence[Path], BatchOptions]]:
    """The folders to upload, each with what its batch is."""
    from argus_pipeline import settings
    from argus_pipeline.simulate.fleet import VEHICLES_FILE, write_fleet
    from argus_pipeline.simulate.scenarios import CAMPAIGN
    from argus_pipeline.storage import keys
    from argus_pipeline.upload.options import BatchOptions, read_batch_file

    folder = settings.home() / "demo" / "fleet"
    write_fleet(folder, seed=seed)
    console.print(f"  simulated: {folder} (truth.json says what is wrong with it)", soft_wrap=True)
    for batch in sorted(path for path in folder.iterdir() if path.is_dir()):
        yield [batch], read_batch_file(batch)
    rollout = settings.home() / "demo" / "campaign"
    write_fleet(
        rollout,
        seed=seed,
        batches=CAMPAIGN_VEHICLES,
        megabytes=CAMPAIGN_MEGABYTES,
        campaign=True,
    )
    store.put(keys.campaign_vehicles(CAMPAIGN), (rollout / VEHICLES_FILE).read_bytes())
    console.print(f"  campaign {CAMPAIGN}: {rollout}, its vehicles in the bucket", soft_wrap=True)
    for batch in sorted(path for path in rollout.iterdir() if path.is_dir()):
        yield [batch], read_batch_file(batch)
    samples = settings.root() / "tests" / "data"
    dlt = sorted((samples / "dlt").glob("*.dlt"))
    yield dlt, BatchOptions("BENCH-DLT-SAMPLES", "T2", "v5.1.0", tags={"source": "samples"})
    rec = [path for path in sorted((samples / "rec").iterdir()) if path.is_file()]
    yield rec, BatchOptions("BENCH-REC-SAMPLES", "J7", "v2.3.1", "v2.2.9")


def _upload(
    console: Console, store: ObjectStore, paths: Sequence[Path], options: BatchOptions
) -> str:
    from argus_pipeline.upload import client
    from argus_pipeline.upload.files import find_files

    prepared = client.prepare(find_files(paths).files, options)
    uploaded = client.upload(store, prepared)
    console.print(
        f"  {uploaded.batch}  {len(uploaded.sent)} files, {uploaded.sent_bytes / 1e6:.1f} MB",
        soft_wrap=True,
    )
    return uploaded.batch


def _watch(
    console: Console, store: ObjectStore, batches: Sequence[str], timeout: float
) -> Sequence[BatchStatus]:
    """Show the stages until every batch has ended or the time is up.

    Without a terminal, a line for each change of a stage.
    """
    from rich.live import Live

    from argus_pipeline.batch_status import batch_statuses
    from argus_pipeline.run_records import connect

    instance = connect()
    until = time.monotonic() + timeout
    shown: dict[str, str] = {}
    with Live(console=console, refresh_per_second=2, auto_refresh=console.is_terminal) as live:
        while True:
            found = batch_statuses(instance, store, batches)
            if console.is_terminal:
                live.update(status_table(found))
            else:
                for one in found:
                    line = f"{one.stage.value} {one.detail}".strip()
                    if shown.get(one.batch) != line:
                        console.print(f"  {one.batch}  {line}", markup=False, soft_wrap=True)
                        shown[one.batch] = line
            if all(one.stage.is_final for one in found) or time.monotonic() > until:
                return found
            time.sleep(1)


def _show_fleet(console: Console, store: ObjectStore, out: Path) -> bool:
    """Wait for the roll-ups and show them; say whether they came."""
    from argus_pipeline.cli.campaign import print_campaign
    from argus_pipeline.cli.compare import print_comparison
    from argus_pipeline.fleet.campaign import read_health
    from argus_pipeline.fleet.comparison import read_comparison
    from argus_pipeline.simulate.scenarios import CAMPAIGN

    until = time.monotonic() + SECONDS_FOR_ROLL_UPS
    while True:
        found = [one for one in read_health(store) if one["campaign"] == CAMPAIGN]
        if _rolled_up(store) and found and found[0]["reported"] >= CAMPAIGN_VEHICLES:
            print_comparison(console, read_comparison(store))
            print_campaign(console, found[0])
            console.print("  `argus compare` and `argus campaign` say the same, and more")
            _show_page(console, store, out, CAMPAIGN, until)
            return True
        if time.monotonic() > until:
            console.print("The roll-ups did not come in time; `argus compare` shows them later")
            return False
        time.sleep(1)


def _show_page(
    console: Console, store: ObjectStore, out: Path, campaign: str, until: float
) -> None:
    """Wait for the page that was made after the campaign was judged, copy it, say where it is."""
    from argus_pipeline.storage import keys

    judged = store.head(keys.fleet("campaign_health"))
    while time.monotonic() < until:
        page = store.head(keys.campaign_page(campaign))
        if page is not None and judged is not None and page.modified >= judged.modified:
            path = out / f"{campaign}.html"
            store.get_file(page.key, path)
            console.print(f"  its page, for a browser: {path}", soft_wrap=True)
            return
        time.sleep(1)
    console.print(f"  `argus open {campaign}` opens its page, which is on its way")


def _rolled_up(store: ObjectStore) -> bool:
    """Whether all batches are in the roll-ups, and the campaigns were judged after that."""
    from argus_pipeline.storage import keys

    if next(store.list(keys.FLEET_CHANGES), None) is not None:
        return False
    sums, health = (store.head(keys.fleet(name)) for name in ("exposures", "campaign_health"))
    return sums is not None and health is not None and health.modified >= sums.modified


def _show_results(console: Console, store: ObjectStore, batch: str, out: Path) -> str:
    """Copy what was made of a batch, say path and address of each report, chart and table.

    Returns:
        The verdict.
    """
    from argus_pipeline.diagnosis.model import Diagnosis
    from argus_pipeline.storage import keys

    found = [o.key for kind in COPIED for o in store.list(f"{kind}/{batch}/")]
    targets = {key: _target(out, batch, key) for key in found}
    for folder in {path.parent for path in targets.values()}:
        folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(lambda key: store.get_file(key, targets[key]), found))
    console.print(f"\n[bold]{batch}[/]")
    for key in found:
        if key.endswith((".html", ".md", ".csv")):
            console.print(f"  {targets[key]}   {store.uri(key)}", markup=False, soft_wrap=True)
    return Diagnosis.from_json(store.get(keys.report(batch, "json"))).verdict.text


def _target(out: Path, batch: str, key: str) -> Path:
    kind, _, rest = key.partition(f"/{batch}/")
    return out / batch / ("" if kind == "reports" else kind) / rest
