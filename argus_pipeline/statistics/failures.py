"""What polars' errors mean to a person who runs the pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from polars.exceptions import ColumnNotFoundError, ComputeError, SchemaError

from argus_pipeline.errors import BadInput, Unavailable

_AGAIN = "Materialize parsed_csv of this batch again"


@contextmanager
def readable() -> Iterator[None]:
    """Turn polars' errors into those that say whether trying again can help.

    Raises:
        BadInput: a table is missing, is no Parquet, or has other columns than it should.
        Unavailable: the store does not answer.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise BadInput(f"a table is not there: {_line(error)}", hint=_AGAIN) from error
    except OSError as error:
        raise Unavailable(f"the tables cannot be read: {_line(error)}") from error
    except (ColumnNotFoundError, SchemaError, ComputeError) as error:
        raise BadInput(
            f"a table is not as expected: {_line(error)}",
            expected="Parquet with the columns that the parser writes",
            hint=_AGAIN,
        ) from error


def _line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else repr(error)
