"""Fingerprints on the labelled sample; benchmarks/fingerprints.py sets drain3 beside them."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import polars as pl

from argus_pipeline.statistics.fingerprints import fingerprint
from argus_pipeline.statistics.templates import template


def sample(data: Path) -> pl.DataFrame:
    lines = pl.read_csv(
        data / "fingerprints" / "labelled.tsv", separator="\t", quote_char=None
    ).with_row_index()
    masked = lines.select(template(pl.col("text")))["text"]
    return lines.with_columns(fingerprint=pl.Series([fingerprint(text) for text in masked]))


def test_different_faults_never_share_a_fingerprint(data: Path) -> None:
    mixed = sample(data).group_by("fingerprint").agg(pl.col("group").unique())
    assert mixed.filter(pl.col("group").list.len() > 1).is_empty()


def test_most_lines_are_grouped_as_a_person_would(data: Path) -> None:
    lines = sample(data)
    members: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for index, group, _, name in lines.iter_rows():
        members["truth"][group].add(index)
        members["found"][name].add(index)
    truth = {frozenset(group) for group in members["truth"].values()}
    right = sum(len(group) for group in members["found"].values() if frozenset(group) in truth)
    assert right / lines.height >= 0.85


def test_languages_other_than_english_are_grouped_as_well(data: Path) -> None:
    lines = sample(data)
    foreign = lines.filter(pl.col("text").str.contains(r"[\p{Han}äöüß]"))
    assert foreign["group"].n_unique() >= 10
    split = foreign.group_by("group").agg(pl.col("fingerprint").n_unique() > 1)
    # Names of control units are words, which no mask knows.
    assert split.filter("fingerprint")["group"].to_list() == ["control unit de"]
