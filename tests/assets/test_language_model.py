"""The asset with a language model: what it shows, and an outage from beginning to end."""

from __future__ import annotations

import json
from collections.abc import Iterator

import dagster as dg
import pytest
from language_model.scripted import Call, Say, ScriptedModel
from sqlalchemy import text

from argus_pipeline.database.engine import create_engine, session
from argus_pipeline.diagnosis.pipeline import load_diagnosis
from argus_pipeline.language_model.options import options_from
from argus_pipeline.settings import load
from argus_pipeline.storage import keys
from resources.language_model import LanguageModelResource
from sensors.model_back import model_is_back


def obliging(call: Call) -> Say:
    """A model that names the first evidence of a fault."""
    cited = next(line.split()[0] for line in call.prompt.splitlines() if line.startswith("E"))
    one = {"text": "something is odd here", "citations": [cited]}
    content = {"outcome": "unknown", "verdict": one, "causes": [], "first_step": one}
    return Say(json.dumps({**content, "next_steps": [one], "unknowns": [one]}))


@pytest.fixture
def server() -> Iterator[ScriptedModel]:
    with ScriptedModel(obliging) as made:
        yield made


@pytest.fixture
def configured(server: ScriptedModel, monkeypatch: pytest.MonkeyPatch) -> ScriptedModel:
    monkeypatch.setenv("ARGUS_LLM_BASE_URL", server.url)
    monkeypatch.setenv("ARGUS_LLM_MODEL", "small")
    monkeypatch.setenv("ARGUS_LLM_ANSWER_SECONDS", "10")
    monkeypatch.setenv("ARGUS_LLM_ATTEMPTS", "1")
    return server


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    [event] = [
        m for m in result.get_asset_materialization_events() if m.asset_key.path == ["diagnosis"]
    ]
    return {name: value.value for name, value in event.materialization.metadata.items()}


def test_route_scores_tokens_and_cost_are_in_the_materialization(
    pipeline, samples, configured
) -> None:
    pipeline.put("b1", samples)
    result = pipeline.run("b1")
    assert result.success
    shown = metadata(result)
    assert shown["label"] == "llm"
    assert shown["route"] == "slow_path"
    assert shown["route reasons"]
    assert (shown["model"], shown["model calls"]) == ("small", 1)
    assert int(str(shown["input tokens"])) > 200
    assert {"features", "scores", "calibrated", "cost", "claims dropped"} <= set(shown)
    assert json.loads(pipeline.store.get(keys.report("b1", "json")))["model"] == "small"


def test_an_outage_leaves_labelled_reports_and_only_a_setting_has_them_made_anew(
    pipeline, samples, configured, monkeypatch
) -> None:
    configured.script = [Say("down", 500)]
    pipeline.put("b1", samples)
    result = pipeline.run("b1")
    assert result.success
    report = json.loads(pipeline.store.get(keys.report("b1", "json")))
    assert report["label"] == "evidence_only"
    assert report["route"]["missing"] == "the language model did not answer"
    assert metadata(result)["without a language model"] == "the language model did not answer"

    def tick() -> dg.SensorResult | dg.SkipReason:
        context = dg.build_sensor_context(
            instance=pipeline.instance, resources={"database": pipeline.resources["database"]}
        )
        return model_is_back(context)

    configured.script = obliging
    skipped = tick()
    assert isinstance(skipped, dg.SkipReason)
    assert "ARGUS_LLM_DIAGNOSE_AGAIN is not set" in str(skipped.skip_message)

    monkeypatch.setenv("ARGUS_LLM_DIAGNOSE_AGAIN", "yes")
    monkeypatch.setenv("ARGUS_LLM_BASE_URL", "http://127.0.0.1:9/v1")
    assert "still away" in str(tick().skip_message)
    monkeypatch.setenv("ARGUS_LLM_BASE_URL", configured.url)
    found = tick()
    assert isinstance(found, dg.SensorResult)
    assert [request.partition_key for request in found.run_requests or []] == ["b1"]

    # The note of the outage is over in 30 s; here it is taken away.
    engine = create_engine(pipeline.database_url)
    with session(engine) as opened:
        opened.execute(text("TRUNCATE argus.llm_pauses, argus.llm_answers"))
    job = pipeline.definitions.resolve_job_def("diagnose_again")
    assert job.execute_in_process(instance=pipeline.instance, partition_key="b1").success
    assert load_diagnosis(engine, "b1").label == "llm"
    assert json.loads(pipeline.store.get(keys.report("b1", "json")))["label"] == "llm"
    assert isinstance(tick(), dg.SkipReason)
    engine.dispose()


def test_without_an_address_there_is_no_model(pipeline) -> None:
    assert options_from(load({})) is None
    assert LanguageModelResource().model(pipeline.resources["database"].engine()) is None
