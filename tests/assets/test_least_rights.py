"""A hostile vehicle's batch goes through with the pipeline's rights only, and gives no secret."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster_aws.s3 import S3PickleIOManager, S3Resource
from native_parser.made import dlt_text

from argus_pipeline.database.engine import create_engine
from argus_pipeline.database.migrate import migrate
from argus_pipeline.database.roles import PIPELINE, ensure_roles
from argus_pipeline.stack.files import read_json
from argus_pipeline.storage.object_store import ObjectStore
from resources.database import DatabaseResource
from resources.embedder import EmbedderResource
from resources.language_model import LanguageModelResource
from resources.object_store import ObjectStoreResource

PASSWORD = "a-password-that-is-nowhere"
HOSTILE = '</script><script>alert(1)</script><img src=x onerror="alert(2)"> {{ 7 * 7 }}'
FATAL, ERROR = 0x11, 0x21
BUCKET = "argus-tests"

pytestmark = pytest.mark.parametrize("store_server", ["seaweedfs"], indirect=True)


@pytest.fixture
def limited(pipeline_type, store_server, database_url) -> Iterator[Any]:
    """The pipeline with keys and a password of its own, and no more rights than it needs."""
    migrate(database_url)
    user = f"worker_{uuid.uuid4().hex[:8]}"
    engine = create_engine(database_url)
    ensure_roles(engine)
    with engine.begin() as connection:
        connection.execute(
            sa.text(f"CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}' IN ROLE {PIPELINE}")
        )
    keys = read_json(store_server.roles_file)["pipeline"]
    settings = replace(
        store_server.settings(BUCKET),
        s3_access_key=keys["access_key"],
        s3_secret_key=keys["secret_key"],
    )
    s3 = S3Resource(
        endpoint_url=settings.s3_endpoint,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key,
        aws_secret_access_key=settings.s3_secret_key,
    )
    url = sa.make_url(database_url).set(username=user, password=PASSWORD)
    resources = {
        "object_store": ObjectStoreResource(s3=s3, bucket=BUCKET),
        "database": DatabaseResource(url=url.render_as_string(hide_password=False)),
        "embedder": EmbedderResource(),
        "language_model": LanguageModelResource(),
        "io_manager": S3PickleIOManager(s3_resource=s3, s3_bucket=BUCKET, s3_prefix="dagster"),
    }
    # What a vehicle uploads, the pipeline could not put.
    made = pipeline_type(ObjectStore(store_server.settings(BUCKET)), database_url, resources)
    yield made
    resources["database"].engine().dispose()
    made.instance.dispose()
    with engine.begin() as connection:
        connection.execute(sa.text(f"DROP ROLE {user}"))
    engine.dispose()


def test_a_hostile_batch_goes_through_with_the_least_rights_and_leaves_no_secret(
    limited, store_server
) -> None:
    batch = f"hostile-{uuid.uuid4().hex[:8]}"
    texts = [f"E001 {HOSTILE} {number}".encode() for number in range(5)]
    recording = b"".join(dlt_text(text, msin=msin) for text in texts for msin in (FATAL, ERROR))
    limited.put(batch, {"a.dlt": recording}, tags={"note": HOSTILE})
    result = limited.run(batch)
    assert result.success

    made = [o.key for p in ("charts", "reports") for o in limited.store.list(f"{p}/{batch}/")]
    pages = [key for key in made if key.endswith((".html", ".svg", ".md"))]
    assert len(pages) >= 12
    for key in pages:
        # Markdown escapes by a backslash.
        assert not re.search(rb"(?<!\\)<(script>alert|img src=x)", limited.store.get(key)), key

    secrets = [
        PASSWORD,
        store_server.settings(BUCKET).s3_secret_key,
        read_json(store_server.roles_file)["pipeline"]["secret_key"],
    ]
    run = limited.instance.get_run_by_id(result.run_id)
    kept = [dg.serialize_value(run), str(run.tags), str(run.run_config)]
    kept += [dg.serialize_value(event) for event in limited.instance.all_logs(result.run_id)]
    kept += [limited.store.get(o.key).decode("latin-1") for o in limited.store.list("dagster/")]
    assert len(kept) > 20
    for secret in secrets:
        assert not [text for text in kept if secret in text]
