from __future__ import annotations

from pathlib import Path

import pytest

from argus_pipeline.engine.options import Engine
from argus_pipeline.errors import ArgusError
from argus_pipeline.stack import plan
from argus_pipeline.stack.plan import StackState, make_plan

LOCAL = {
    "ARGUS_S3_ENDPOINT": "http://127.0.0.1:20000",
    "ARGUS_DATABASE_URL": "postgresql+psycopg://postgres:x@/argus?host=/s",
}
OWN = StackState(store="seaweedfs", own_postgres=True)


def test_nothing_named_means_everything_is_started_here() -> None:
    made = make_plan({})
    assert made == plan.Plan("seaweedfs", None, "argus", "")


def test_an_endpoint_in_the_environment_replaces_the_store() -> None:
    assert make_plan({"ARGUS_S3_ENDPOINT": "https://minio.example"}).store == "external"


def test_a_database_in_the_environment_replaces_postgres() -> None:
    url = "postgresql://u:p@db.example/argus"
    assert make_plan({"ARGUS_DATABASE_URL": url}).database_url == url


def test_aws_is_named_by_the_word_external_and_a_bucket() -> None:
    made = make_plan({"ARGUS_STORE": "external", "ARGUS_S3_BUCKET": "fleet"})
    assert (made.store, made.bucket) == ("external", "fleet")


def test_external_without_a_name_is_refused() -> None:
    with pytest.raises(ArgusError, match="named"):
        make_plan({"ARGUS_STORE": "external"})


def test_an_endpoint_and_a_wish_for_a_local_store_contradict_each_other() -> None:
    with pytest.raises(ArgusError, match="ARGUS_S3_ENDPOINT"):
        make_plan({"ARGUS_S3_ENDPOINT": "https://minio.example"}, asked_store="minio")


def test_an_unknown_store_is_refused() -> None:
    with pytest.raises(ArgusError, match="floppy"):
        make_plan({"ARGUS_STORE": "floppy"})


def test_the_store_used_before_is_used_again() -> None:
    assert make_plan({}, state=StackState(store="minio")).store == "minio"
    assert make_plan({}, state=StackState(store="minio"), asked_store="seaweedfs").store == (
        "seaweedfs"
    )
    assert make_plan({}, state=StackState(store="external")).store == "seaweedfs"


def test_variables_that_repeat_our_own_addresses_replace_nothing() -> None:
    made = make_plan(LOCAL, state=OWN, local_environment=LOCAL)
    assert (made.store, made.database_url) == ("seaweedfs", None)


def test_variables_that_repeat_an_external_address_still_name_it() -> None:
    state = StackState(store="external", own_postgres=False)
    made = make_plan(LOCAL, state=state, local_environment=LOCAL)
    assert (made.store, made.database_url) == ("external", LOCAL["ARGUS_DATABASE_URL"])


def test_state_survives_its_file_and_a_damaged_one_is_a_fresh_start(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    state = StackState("minio", True, 3001, "f", "1.13")
    state.save(path)
    assert StackState.load(path) == state
    path.write_text('{"nonsense": 1}')
    assert StackState.load(path) == StackState()


def test_the_fingerprint_changes_with_settings_and_not_with_anything_else() -> None:
    before = plan.fingerprint({"ARGUS_X": "1", "PATH": "/bin"})
    assert plan.fingerprint({"ARGUS_X": "1", "PATH": "/usr/bin"}) == before
    assert plan.fingerprint({"ARGUS_X": "2", "PATH": "/bin"}) != before


def test_runs_are_carried_out_here_unless_an_engine_is_asked_for() -> None:
    made = make_plan({})
    assert (made.engine, made.workers, made.broker_url) == (Engine.LOCAL, 0, None)
    made = make_plan({"ARGUS_ENGINE": "celery"})
    assert (made.engine, made.workers, made.broker_url) == (Engine.CELERY, 2, None)


def test_a_broker_in_the_environment_replaces_redis() -> None:
    url = "redis://:p@redis.example/0"
    made = make_plan({"ARGUS_ENGINE": "celery", "ARGUS_BROKER_URL": url}, asked_workers=0)
    assert (made.broker_url, made.workers) == (url, 0)
    again = make_plan(
        {"ARGUS_ENGINE": "celery", "ARGUS_BROKER_URL": url},
        state=StackState(engine="celery", workers=0, own_redis=False),
        local_environment={"ARGUS_BROKER_URL": url},
    )
    assert again.broker_url == url, "it is no less a wish for having been written down"


def test_our_own_redis_in_the_environment_is_no_wish_for_another_one() -> None:
    url = "redis://:p@127.0.0.1:40001/0"
    made = make_plan(
        {"ARGUS_ENGINE": "celery", "ARGUS_BROKER_URL": url},
        state=StackState(engine="celery", own_redis=True),
        local_environment={"ARGUS_BROKER_URL": url},
    )
    assert made.broker_url is None


def test_the_engine_used_before_is_used_again_with_as_many_workers() -> None:
    before = StackState(engine="celery", workers=5)
    made = make_plan({}, state=before)
    assert (made.engine, made.workers) == (Engine.CELERY, 5)
    assert make_plan({}, state=before, asked_engine=Engine.LOCAL).engine is Engine.LOCAL


def test_a_cluster_is_not_started_on_this_machine() -> None:
    with pytest.raises(ArgusError, match="deploy/"):
        make_plan({"ARGUS_ENGINE": "kubernetes"})
