"""What every embedder agrees on: the form of its vectors, and how much of a text it reads."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
# More of a text would not change what it is about, and endpoints limit their input.
MAX_CHARACTERS: Final = 2000


def normalised(vectors: npt.ArrayLike) -> Vectors:
    """Rows scaled to length 1; a row of zeros stays as it is."""
    rows = np.asarray(vectors, np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths == 0, 1, lengths), np.float32)
