"""DuckDB's errors as ours."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Final

import duckdb

from argus_pipeline.errors import ArgusError, BadInput, Unavailable

WHERE: Final = "the SQL"
LIST: Final = "`argus query --tables` lists what there is"
_NO_TABLE: Final = re.compile(r"Table with name (\S+) does not exist")
_KIND: Final = re.compile(r"^[A-Z][A-Za-z ]+ Error: ")


@contextmanager
def explained(names: Collection[str] = ()) -> Iterator[None]:
    """Turn what DuckDB raises into `BadInput` or `Unavailable`.

    Args:
        names: of the tables that there are, to name the nearest where one is misspelt.
    """
    try:
        yield
    except (duckdb.IOException, duckdb.HTTPException) as error:
        raise Unavailable(
            f"the bucket cannot be read: {_sentence(error)}",
            where=WHERE,
            hint="`argus doctor` checks the store; a batch that runs just now may be the reason",
        ) from error
    except duckdb.Error as error:
        missing = _NO_TABLE.search(str(error))
        if missing is None:
            raise BadInput(_sentence(error), where=WHERE) from error
        near = difflib.get_close_matches(missing[1].rpartition(".")[2], names, 3)
        hint = f"Did you mean {' or '.join(near)}? {LIST}" if near else LIST
        raise BadInput(f"there is no table {missing[1]}", where=WHERE, hint=hint) from error
    except ArgusError:
        raise


def _sentence(error: Exception) -> str:
    """The message with the place in the SQL, without the words for its kind."""
    return _KIND.sub("", str(error)).strip()
