"""What is in an object, without the vehicle's name: by what kind of object it is."""

from __future__ import annotations

import base64
import gzip
import mmap
import re
import shutil
import sys
import zlib
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from argus_pipeline.forget.pseudonym import Pseudonym
from argus_pipeline.recordings.decompression import compression_of

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    import backports.zstd as zstd

_HEAD: Final = 64 * 1024
_DATA_URI: Final = re.compile(rb"(;base64,)([A-Za-z0-9+/=]+)")


class Unreadable(Exception):
    """The content cannot be looked into, so nobody knows whether the vehicle is named in it."""


def without_vehicle(path: Path, pseudonym: Pseudonym) -> bool:
    """Change a file that is a copy of an object; whether there was anything to change.

    Args:
        path: the file; its suffix tells Parquet and pages from the rest.
        pseudonym: what takes the vehicle's place.

    Raises:
        Unreadable: it is damaged in a way that hides what is in it.
    """
    if path.suffix == ".parquet":
        return _parquet(path, pseudonym)
    if path.suffix in {".html", ".svg", ".json", ".md"}:
        before = path.read_bytes()
        after = page_without(before, pseudonym)
        if after != before:
            path.write_bytes(after)
        return after != before
    with path.open("rb") as stream:
        compression = compression_of(stream.read(_HEAD))
    return _in_place(path, pseudonym) if compression is None else _packed(path, pseudonym)


def page_without(data: bytes, pseudonym: Pseudonym) -> bytes:
    """A text without the vehicle's name, also in the drawings that it holds in base64."""

    def inner(found: re.Match[bytes]) -> bytes:
        try:
            content = base64.b64decode(found[2], validate=True)
        except ValueError:
            return found[0]
        changed = pseudonym.data(content)
        return found[0] if changed == content else found[1] + base64.b64encode(changed)

    return pseudonym.data(_DATA_URI.sub(inner, data))


def _in_place(path: Path, pseudonym: Pseudonym) -> bool:
    """Overwrite each place of the name; a file of any size."""
    if path.stat().st_size == 0:
        return False
    name, changed = pseudonym.name.encode(), False
    with path.open("r+b") as stream, mmap.mmap(stream.fileno(), 0) as content:
        for form in pseudonym.forms:
            at = content.find(form.encode())
            while at >= 0:
                content[at : at + len(name)] = name
                changed = True
                at = content.find(form.encode(), at)
    return changed


def _packed(path: Path, pseudonym: Pseudonym) -> bool:
    plain = path.with_name(f"{path.name}.plain")
    with path.open("rb") as stream:
        gzipped = compression_of(stream.read(_HEAD)) == "gzip"
    opened: Any = gzip.open if gzipped else zstd.open
    try:
        with opened(path, "rb") as source, plain.open("wb") as target:
            shutil.copyfileobj(source, target)
    except (OSError, EOFError, zlib.error, zstd.ZstdError) as error:
        raise Unreadable(f"its compression is damaged: {error}") from error
    changed = _in_place(plain, pseudonym)
    if changed:
        with plain.open("rb") as source, opened(path, "wb") as target:
            shutil.copyfileobj(source, target)
    plain.unlink()
    return changed


def _parquet(path: Path, pseudonym: Pseudonym) -> bool:
    """Row group by row group, so a table of any size."""
    fresh = path.with_name(f"{path.name}.new")
    changed = False
    try:
        with pq.ParquetFile(path) as source:
            schema = source.schema_arrow
            with pq.ParquetWriter(fresh, schema, compression="zstd") as target:
                for group in range(source.num_row_groups):
                    table = source.read_row_group(group)
                    columns = [_column(table.column(i), pseudonym) for i in range(len(schema))]
                    after = pa.table(columns, schema=schema)
                    changed |= not after.equals(table)
                    target.write_table(after)
    except pa.ArrowException as error:
        raise Unreadable(f"it is no Parquet: {error}") from error
    if changed:
        fresh.replace(path)
    else:
        fresh.unlink()
    return changed


def _column(column: Any, pseudonym: Pseudonym) -> Any:
    return pa.chunked_array([_array(chunk, pseudonym) for chunk in column.chunks], type=column.type)


def _array(array: Any, pseudonym: Pseudonym) -> Any:
    kind = array.type
    if pa.types.is_dictionary(kind):
        values = _array(array.dictionary, pseudonym)
        return pa.DictionaryArray.from_arrays(array.indices, values, ordered=kind.ordered)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        for form in pseudonym.forms:
            array = pc.replace_substring(array, form, pseudonym.name)
        return array
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_nested(kind):
        return pa.array(_value(array.to_pylist(), pseudonym), type=kind)
    if kind == pa.string_view():
        return _array(array.cast(pa.large_string()), pseudonym).cast(kind)
    return array


def _value(value: Any, pseudonym: Pseudonym) -> Any:
    if isinstance(value, str):
        return pseudonym.text(value)
    if isinstance(value, bytes):
        return pseudonym.data(value)
    if isinstance(value, dict):
        return {key: _value(item, pseudonym) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_value(item, pseudonym) for item in value]
    return value
