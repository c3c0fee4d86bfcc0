from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest

from argus_pipeline import settings as argus_settings
from argus_pipeline.errors import ArgusError, Unavailable
from argus_pipeline.settings import Settings
from argus_pipeline.stack import dagster_processes as processes_of_dagster
from argus_pipeline.stack import dagster_queries as dagster
from argus_pipeline.stack import ports, processes
from argus_pipeline.stack.files import make_private_folder, read_json
from argus_pipeline.stack.layout import Stack
from argus_pipeline.stack.plan import StackState
from argus_pipeline.stack.up import down, up
from argus_pipeline.storage.object_store import ObjectStore

PROJECT = Path(__file__).resolve().parents[2]
CODE = """
    import time
    import dagster as dg

    @dg.asset
    def slow():
        time.sleep(300)

    job = dg.define_asset_job("slow_job", [slow], executor_def=dg.in_process_executor)
    defs = dg.Definitions(assets=[slow], jobs=[job])
"""


class Told:
    """Remembers what was reported of each part."""

    def __init__(self) -> None:
        self.parts: dict[str, str] = {}

    def began(self, part: str) -> None:
        pass

    def ended(self, part: str, what: str, seconds: float, detail: str = "") -> None:
        self.parts[part] = what


def make_root(folder: Path, code: str) -> Path:
    folder.mkdir()
    shutil.copy(PROJECT / "dagster.yaml", folder)
    (folder / "workspace.yaml").write_text(
        "load_from: [{python_module: {module_name: standin_code, working_directory: .,"
        " location_name: argus}}]"
    )
    (folder / "standin_code.py").write_text(textwrap.dedent(code))
    return folder


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    folder = Path(tempfile.mkdtemp(prefix="argus-up-", dir="/tmp"))
    made = Stack(folder / "home", make_root(folder / "root", CODE))
    monkeypatch.setenv("ARGUS_HOME", str(made.home))
    # The root is not the project's own here.
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    yield made
    down(made, Told())
    shutil.rmtree(folder, ignore_errors=True)


def started(stack: Stack, **options: object) -> dict[str, str]:
    """Start it; which parts did what.

    On ports of its own: stacks of other tests, which start at any moment, take the usual ones.
    """
    if not stack.state_file.exists():
        ui_port, pages_port = ports.free_ports(2)
        make_private_folder(stack.home)
        StackState(ui_port=ui_port, pages_port=pages_port).save(stack.state_file)
    told = Told()
    up(stack, told, **options)  # type: ignore[arg-type]
    return told.parts


def kill_everything(stack: Stack) -> None:
    for record in stack.running():
        for pid in processes.members(record) or [record.pid]:
            processes.send(pid, signal.SIGKILL)
    assert processes.wait_until(lambda: not stack.running(), 10)


def launch(url: str) -> str:
    answer = dagster.graphql(
        url,
        'mutation { launchRun(executionParams: {selector: {repositoryLocationName: "argus",'
        ' repositoryName: "__repository__", jobName: "slow_job"}, runConfigData: {}})'
        " { ... on LaunchRunSuccess { run { runId } } } }",
    )
    return str(answer["launchRun"]["run"]["runId"])


def status(url: str, run: str) -> str:
    answer = dagster.graphql(url, f'{{ runOrError(runId: "{run}") {{ ... on Run {{ status }} }} }}')
    return str(answer["runOrError"]["status"])


def test_the_whole_stack_starts_twice_survives_a_kill_and_stops_twice(stack: Stack) -> None:
    parts = started(stack)
    assert set(parts) == {
        *("postgres", "schema", "knowledge", "seaweedfs"),
        *("code-server", "webserver", "daemon", "pages"),
    }
    assert stat.S_IMODE(stack.environment_file.stat().st_mode) == 0o600
    environment = read_json(stack.environment_file)
    url = environment["ARGUS_UI_URL"]
    assert dagster.load_errors(url) == {"argus": None}

    before = {record.name: record.pid for record in stack.running()}
    assert set(before) == {
        *("postgres", "seaweedfs", "code-server", "webserver", "daemon", "pages")
    }
    assert httpx.get(f"{environment['ARGUS_PAGES_URL']}/").status_code == 200
    again = started(stack)
    assert {again[name] for name in before} == {"already running"}
    assert {record.name: record.pid for record in stack.running()} == before

    settings = argus_settings.load({})
    ObjectStore(settings).put("kept", b"still here")
    database = settings.require_database_url().replace("+psycopg", "")
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS a")
    run = launch(url)
    assert processes.wait_until(lambda: status(url, run) == "STARTED", 60)

    kill_everything(stack)
    started(stack)
    assert read_json(stack.environment_file) == environment
    assert ObjectStore(settings).get("kept") == b"still here"
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT a FROM kept").fetchone() == (7,)
    # Nobody works on it any more, so it must not count as going on.
    assert status(url, run) == "FAILURE"

    told = Told()
    down(stack, told)
    assert set(told.parts) == {"pages", "dagster", "seaweedfs", "postgres"}
    assert stack.running() == []
    assert down(stack, Told()) == []


@pytest.mark.long
def test_a_part_that_died_is_started_again_and_the_others_are_left_alone(stack: Stack) -> None:
    started(stack)
    before = {record.name: record.pid for record in stack.running()}
    # Of the code server only the process with the code, behind its proxy.
    (with_code,) = psutil.Process(before["code-server"]).children()
    for pid in (before["daemon"], with_code.pid):
        processes.send(pid, signal.SIGKILL)
    assert processes.wait_until(lambda: len(stack.running()) == 4, 10)
    parts = started(stack)
    assert (parts["daemon"], parts["code-server"]) == ("started", "started")
    assert (parts["webserver"], parts["postgres"]) == ("already running", "already running")
    environment = read_json(stack.environment_file)
    run = launch(environment["ARGUS_UI_URL"])
    assert processes.wait_until(lambda: status(environment["ARGUS_UI_URL"], run) == "STARTED", 60)
    # A run that goes on is ended with the stack and counts as failed, so that it is retried.
    told = Told()
    down(stack, told)
    started(stack)
    assert read_json(stack.environment_file) == environment
    assert status(environment["ARGUS_UI_URL"], run) == "FAILURE"


def test_a_pid_file_from_another_life_harms_nobody(stack: Stack) -> None:
    started(stack, with_dagster=False)
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        for name in processes_of_dagster.NAMES:
            processes.save(
                processes.ProcessRecord(name, other.pid, "another boot/1", 0, "", ""),
                stack.home / "run" / f"{name}.json",
            )
        down(stack, Told())
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.mark.long
def test_changed_settings_restart_dagster(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    started(stack)
    monkeypatch.setenv("ARGUS_EMBEDDINGS_MODEL", "another")
    parts = started(stack)
    assert parts["dagster"] == "stopped"
    assert parts["code-server"] == "started"
    assert parts["postgres"] == "already running"


def test_a_port_that_was_asked_for_and_is_in_use_is_an_error_that_names_it(stack: Stack) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ArgusError, match=rf"--ui-port: port {port} .* in use"):
            started(stack, ui_port=port)


@pytest.mark.long
def test_two_at_once_do_not_fight(stack: Stack) -> None:
    command = [
        sys.executable,
        "-c",
        "from pathlib import Path; import sys\n"
        "from argus_pipeline.stack.layout import Stack\nfrom argus_pipeline.stack.up import up\n"
        "class Told:\n"
        "    def began(self, part): pass\n"
        "    def ended(self, part, what, seconds, detail=''): print(part, what)\n"
        "up(Stack(Path(sys.argv[1]), Path(sys.argv[2])), Told(), with_dagster=False)",
        str(stack.home),
        str(stack.root),
    ]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) for _ in range(2)
    ]
    said = sorted(one.communicate(timeout=120)[0] for one in both)
    assert [one.returncode for one in both] == [0, 0]
    assert "postgres already running" in said[0]
    assert "postgres started" in said[1]
    assert "seaweedfs started" in said[1]


@pytest.mark.long
def test_named_servers_take_the_place_of_our_own(
    stack: Stack,
    database_url: str,
    store_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ARGUS_DATABASE_URL", database_url)
    monkeypatch.setenv("ARGUS_S3_ENDPOINT", store_settings.s3_endpoint or "")
    monkeypatch.setenv("ARGUS_S3_BUCKET", "named")
    monkeypatch.setenv("ARGUS_S3_ACCESS_KEY", store_settings.s3_access_key or "")
    monkeypatch.setenv("ARGUS_S3_SECRET_KEY", store_settings.s3_secret_key or "")
    monkeypatch.setenv("ARGUS_ARCHIVE_BUCKETS", "archive,bench/2025")
    parts = started(stack, with_dagster=False)
    assert (parts["postgres"], parts["store"]) == ("external", "external")
    assert stack.running() == []
    environment = read_json(stack.environment_file)
    assert environment["ARGUS_DATABASE_URL"] == database_url
    assert environment["ARGUS_DAGSTER_DATABASE_URL"].startswith("postgresql+psycopg2://")
    assert environment["ARGUS_S3_BUCKET"] == "named"
    assert environment["ARGUS_ARCHIVE_BUCKETS"] == "archive,bench/2025"
    # Once nothing is named any more, our own servers are started again.
    for name in [name for name in os.environ if name.startswith(("ARGUS_S3_", "ARGUS_DATA"))]:
        monkeypatch.delenv(name)
    parts = started(stack, with_dagster=False)
    assert (parts["postgres"], parts["seaweedfs"]) == ("started", "started")


def test_a_folder_that_is_not_the_root_is_said_to_be_none(stack: Stack, tmp_path: Path) -> None:
    with pytest.raises(ArgusError, match="not the project's root"):
        up(Stack(stack.home, tmp_path), Told())
    assert not stack.home.exists()


def test_code_that_does_not_load_is_an_error_with_its_reason(stack: Stack) -> None:
    (stack.root / "standin_code.py").write_text("raise RuntimeError('the brakes are off')")
    with pytest.raises(Unavailable, match=r"code location argus(.|\n)*the brakes are off"):
        started(stack)


def test_stopping_what_was_never_started_is_fine(stack: Stack) -> None:
    assert down(stack, Told()) == []
    assert not stack.home.exists()


def test_no_secret_is_in_a_record_or_a_log(stack: Stack) -> None:
    started(stack, with_dagster=False)
    environment = read_json(stack.environment_file)
    password = environment["ARGUS_DATABASE_URL"].split(":")[2].split("@")[0]
    secrets = (password, environment["ARGUS_S3_SECRET_KEY"])
    files = [*(stack.home / "logs").glob("*"), *stack.home.rglob("process.json"), stack.state_file]
    assert len(files) >= 4
    for file in files:
        text = file.read_text(errors="replace")
        assert not any(secret in text for secret in secrets), file


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user for Postgres")
def test_only_root_and_postgres_may_look_into_the_home(stack: Stack) -> None:
    started(stack, with_dagster=False)
    assert stat.S_IMODE(stack.home.stat().st_mode) & 0o066 == 0
