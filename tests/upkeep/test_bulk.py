"""Backfills as Dagster's webserver is asked for them."""

from __future__ import annotations

import pytest
from dagster_graphql.schema import create_schema
from graphql import parse, validate

from argus_pipeline.upkeep import bulk


@pytest.mark.parametrize("document", [bulk._LAUNCH, bulk._PROGRESS])
def test_this_version_of_dagster_understands_what_it_is_asked(document: str) -> None:
    assert validate(create_schema().graphql_schema, parse(document)) == []
