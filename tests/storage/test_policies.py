"""What each role may do in the bucket, asked of the stores themselves."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from argus_pipeline.stack.files import read_json
from argus_pipeline.stack.seaweedfs import SeaweedFS
from argus_pipeline.stack.stores import LocalStore
from argus_pipeline.storage.object_store import ObjectStore
from argus_pipeline.storage.policies import Role, policy

BUCKET = "argus-tests"
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text()


@pytest.fixture
def client_of(store_server: LocalStore) -> Callable[[Role], Any]:
    """A client with the keys of a role: the local store's own, or MinIO's for its policy."""
    settings = store_server.settings(BUCKET)

    def client(service: str, keys: dict[str, str]) -> Any:
        return boto3.client(
            service,
            endpoint_url=settings.s3_endpoint,
            region_name=settings.s3_region,
            config=Config(s3={"addressing_style": "path"}),
            **keys,
        )

    def of(role: Role) -> Any:
        if isinstance(store_server, SeaweedFS):
            own = read_json(store_server.roles_file)[role.value]
            return client(
                "s3",
                {
                    "aws_access_key_id": own["access_key"],
                    "aws_secret_access_key": own["secret_key"],
                },
            )
        owner = {
            "aws_access_key_id": str(settings.s3_access_key),
            "aws_secret_access_key": str(settings.s3_secret_key),
        }
        given = client("sts", owner).assume_role(
            RoleArn="arn:aws:iam::000000000000:role/argus",
            RoleSessionName="argus",
            Policy=json.dumps(policy(role, BUCKET)),
        )["Credentials"]
        return client(
            "s3",
            {
                "aws_access_key_id": given["AccessKeyId"],
                "aws_secret_access_key": given["SecretAccessKey"],
                "aws_session_token": given["SessionToken"],
            },
        )

    return of


def answer(call: Callable[..., Any], given: dict[str, str]) -> str:
    """The store's code for a refusal, or nothing."""
    try:
        call(**given)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def test_each_role_may_do_its_own_and_no_more(store_server, client_of) -> None:
    store = ObjectStore(store_server.settings(BUCKET))
    name = uuid.uuid4().hex
    for part in ("incoming", "parsed", "reports", "dagster"):
        store.put(f"{part}/{name}/a", b"1")

    def allowed(role: Role) -> set[str]:
        client = client_of(role)
        asked = {
            f"{verb} {part}": (call, {"Bucket": BUCKET, "Key": f"{part}/{name}/{key}"})
            for part in ("incoming", "parsed", "reports", "dagster")
            for verb, call, key in (
                ("get", client.get_object, "a"),
                ("put", client.put_object, role.value),
                ("delete", client.delete_object, "gone"),
            )
        }
        asked |= {
            f"list {part}": (client.list_objects_v2, {"Bucket": BUCKET, "Prefix": f"{part}/"})
            for part in ("incoming", "reports", "")
        }
        asked["resume"] = (
            client.list_multipart_uploads,
            {"Bucket": BUCKET, "Prefix": f"incoming/{name}/a"},
        )
        answers = {what: answer(call, given) for what, (call, given) in asked.items()}
        assert set(answers.values()) <= {"", "AccessDenied"}, answers
        return {what for what, said in answers.items() if not said}

    assert allowed(Role.VEHICLE) == {"get incoming", "put incoming", "list incoming", "resume"}
    assert allowed(Role.READER) == {"get parsed", "get reports", "list reports"}
    assert allowed(Role.PIPELINE) == {
        *(f"get {part}" for part in ("incoming", "parsed", "reports", "dagster")),
        *(f"{verb} {part}" for verb in ("put", "delete") for part in ("parsed", "reports")),
        *("put dagster", "delete dagster"),
        *("list incoming", "list reports", "list "),
    }


def test_the_page_shows_the_policies_as_they_are() -> None:
    shown = re.findall(r"^```json\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert [json.loads(text) for text in shown] == [policy(role, "argus") for role in Role]
