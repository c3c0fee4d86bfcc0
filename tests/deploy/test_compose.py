"""The compose file: no secret has a default, nobody is root, nothing is open to the network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

COMPOSE = Path(__file__).resolve().parents[2] / "deploy" / "compose"
TEXT = (COMPOSE / "compose.yaml").read_text()
SERVICES: dict[str, Any] = yaml.safe_load(TEXT)["services"]
SECRET = re.compile(r"\$\{([A-Z_]*(?:PASSWORD|SECRET|KEY|TOKEN)[A-Z_]*)(.*?)\}")


def test_no_secret_has_a_default_that_works() -> None:
    found = SECRET.findall(TEXT)
    assert {name for name, _ in found} >= {"ARGUS_POSTGRES_PASSWORD", "ARGUS_REDIS_PASSWORD"}
    # Either compose refuses to start without it, or it is empty, and the feature is off.
    assert [name for name, rest in found if not rest.startswith(":?") and rest != ":-"] == []


def test_the_example_of_an_environment_holds_no_value() -> None:
    lines = (COMPOSE / "env.example").read_text().splitlines()
    given = [line for line in lines if not line.startswith("#") and not line.endswith("=")]
    assert [line for line in given if line] == []


def test_what_the_file_demands_stands_in_the_example() -> None:
    demanded = set(re.findall(r"\$\{([A-Z0-9_]+):\?", TEXT))
    example = (COMPOSE / "env.example").read_text()
    assert [name for name in demanded if f"{name}=" not in example] == []


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_published_on_this_host_only(name: str) -> None:
    for port in SERVICES[name].get("ports", ()):
        assert port.startswith("127.0.0.1:"), port


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_may_become_root(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    # Ours say it in the Dockerfile.
    assert "user" in service or service["image"].startswith(("${ARGUS_IMAGE", "${ARGUS_MINIO"))


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "prepare"])
def test_every_service_that_stays_says_whether_it_is_well(name: str) -> None:
    assert "healthcheck" in SERVICES[name]


def test_stores_are_in_a_network_without_a_way_out() -> None:
    assert yaml.safe_load(TEXT)["networks"]["inside"] == {"internal": True}
    assert SERVICES["postgres"]["networks"] == ["inside"]
    assert SERVICES["redis"]["networks"] == ["inside"]


def test_all_parts_of_argus_get_the_same_settings() -> None:
    ours = {n: s for n, s in SERVICES.items() if s["image"].startswith("${ARGUS_IMAGE")}
    assert set(ours) == {"prepare", "code", "webserver", "daemon", "worker", "pages"}
    changed = {"ARGUS_ENGINE", "ARGUS_STORE"}
    usual = ours["daemon"]["environment"]
    for name, service in ours.items():
        own = service["environment"]
        other = {key for key in own if own[key] != usual.get(key)}
        assert other <= (changed if name == "prepare" else set()), name
        assert service["env_file"] == [{"path": "settings.env", "required": False}], name
