"""One recording of a batch, parsed from the bucket into the bucket.

The result is written last, and only it makes the tables count: it names every object with its ETag,
the hash of what went in and the parser's version. So a repeat finds complete outputs and does
nothing, and one that died in the middle is done again, with the same bytes.
"""

from __future__ import annotations

import hashlib
from typing import IO, cast

from argus_pipeline.batches.manifest import BatchFile
from argus_pipeline.batches.originals import original
from argus_pipeline.errors import BadInput, Unavailable
from argus_pipeline.recordings.decoders import decoder_versions
from argus_pipeline.recordings.decoding import ParsedRecording, parse_recording
from argus_pipeline.recordings.reading import PARSER_VERSION
from argus_pipeline.recordings.result import RecordingResult, Status, TableOutput
from argus_pipeline.recordings.source import open_source
from argus_pipeline.recordings.specifications import Specifications, load_specifications
from argus_pipeline.recordings.tables import CSV, PARQUET, WrittenTable
from argus_pipeline.scratch import scratch_folder
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectMissing, ObjectStore

# All that the asset needs comes from this one module.
__all__ = [
    "PARSER_VERSION",
    "finished_result",
    "input_hash",
    "load_specifications",
    "make_result",
    "parse_to_bucket",
]


def input_hash(identity: str, specifications: Specifications, recording_format: str | None) -> str:
    """Hash (hex) of all that a recording's tables depend on, but for the parser itself.

    Args:
        identity: what the recording's bytes are known by (`BatchFile.identity`).
        specifications: what recordings are read with.
        recording_format: of this one, as its bytes tell it: it decides which of them count.
    """
    digest = specifications.digest(recording_format)
    decoders = decoder_versions(recording_format)
    return hashlib.sha256(f"{identity}\n{digest}\n{decoders}\n".encode()).hexdigest()


def parse_to_bucket(
    store: ObjectStore,
    batch: str,
    file: BatchFile,
    source_key: str,
    specifications: Specifications,
    threads: int = 1,
) -> RecordingResult:
    """Parse one recording, or return the result of before where it still holds.

    Writes CSV and Parquet of every table and, where something was wrong, the quarantine record.
    Removes what an earlier parse of this recording left and this one does not make. A recording
    that cannot be read is a result, never an exception.

    Args:
        store: the bucket.
        batch: the batch's id.
        file: the recording as the manifest names it.
        source_key: where its bytes were uploaded to; not looked at where the file has a source.
        specifications: what recordings are read with.
        threads: that read this one recording.

    Raises:
        Unavailable: the store does not answer; trying again can help.
        BadInput: the object is not the one that the manifest names.
    """
    earlier = finished_result(store, batch, file.name, file.identity, specifications)
    if earlier is not None:
        return earlier
    there = original(store, file, source_key)
    with scratch_folder() as scratch, there.open() as opened:
        stream = cast("IO[bytes]", _StoreStream(opened, there.uri))
        with open_source(stream, scratch, name=file.name) as source:
            # Tables of other bytes would count as those of the manifest's for good.
            sha256 = source.sha256 if file.sha256 else None
            if (source.stored_size, sha256) != (file.size, file.sha256):
                raise BadInput(
                    f"the object has {source.stored_size} bytes with SHA-256 {source.sha256}",
                    where=there.uri,
                    expected=f"{file.size} bytes with {file.identity}, as the manifest says",
                    hint="It was changed after the upload: upload the batch again",
                )
            tables = scratch / "tables"
            tables.mkdir()
            parsed = parse_recording(
                source, tables, name=file.name, specifications=specifications, threads=threads
            )
        result = make_result(
            file.name,
            input_hash(file.identity, specifications, parsed.format),
            parsed,
            tuple(_put(store, batch, file.name, table) for table in parsed.tables),
        )
        quarantine = keys.quarantine(batch, file.name)
        if parsed.quarantine is not None:
            store.put_file(quarantine, parsed.quarantine)
        else:
            store.delete(quarantine)
    _remove_stale(store, batch, result)
    store.put(keys.recording_result(batch, file.name), result.to_json())
    return result


def finished_result(
    store: ObjectStore, batch: str, recording: str, identity: str, specifications: Specifications
) -> RecordingResult | None:
    """The recording's result, when it is of this input and parser and its objects are all there.

    The format is the one that the result tells: the same bytes and parser tell it again.
    """
    try:
        result = RecordingResult.from_json(store.get(keys.recording_result(batch, recording)))
    except (ObjectMissing, ValueError):
        return None
    wanted = input_hash(identity, specifications, result.format)
    if (result.input_hash, result.parser_version) != (wanted, PARSER_VERSION):
        return None
    for table in result.tables:
        for key, etag in (
            (table.csv_key, table.csv_etag),
            (table.parquet_key, table.parquet_etag),
        ):
            found = store.head(key)
            if found is None or found.etag != etag:
                return None
    if result.status is not Status.PARSED and store.head(keys.quarantine(batch, recording)) is None:
        return None
    return result


def make_result(
    recording: str, wanted: str, parsed: ParsedRecording, tables: tuple[TableOutput, ...]
) -> RecordingResult:
    """The result record of a parsed recording whose tables were stored as `tables`."""
    return RecordingResult(
        recording=recording,
        size=parsed.size,
        input_hash=wanted,
        parser_version=PARSER_VERSION,
        format=parsed.format,
        status=parsed.status,
        rows=parsed.rows,
        decoded_bytes=parsed.decoded_bytes,
        quarantined_bytes=parsed.quarantined_bytes,
        fault_count=parsed.fault_count,
        faults=parsed.faults,
        warnings=parsed.warnings,
        error=parsed.error,
        tables=tables,
        lifecycles=parsed.lifecycles,
        lost_messages=parsed.lost_messages,
        compression=parsed.compression,
        stored_size=parsed.stored_size,
        unread_bytes=parsed.unread_bytes,
    )


def _put(store: ObjectStore, batch: str, recording: str, table: WrittenTable) -> TableOutput:
    csv_key = keys.table(batch, recording, table.name, CSV)
    parquet_key = keys.table(batch, recording, table.name, PARQUET)
    return TableOutput(
        name=table.name,
        rows=table.rows,
        csv_key=csv_key,
        csv_etag=store.put_file(csv_key, table.files[CSV]),
        parquet_key=parquet_key,
        parquet_etag=store.put_file(parquet_key, table.files[PARQUET]),
        columns=table.columns,
    )


def _remove_stale(store: ObjectStore, batch: str, result: RecordingResult) -> None:
    kept = {keys.recording_result(batch, result.recording)}
    for table in result.tables:
        kept |= {table.csv_key, table.parquet_key}
    for found in store.list(keys.parsed_recording(batch, result.recording)):
        if found.key not in kept:
            store.delete(found.key)


class _StoreStream:
    """Reads from the store, whose failures all mean that trying again can help."""

    def __init__(self, stream: IO[bytes], where: str) -> None:
        self._stream = stream
        self._where = where

    def read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        # s3fs passes on the errors of aiobotocore, aiohttp and the socket, which share no base.
        except Exception as error:
            raise Unavailable(f"reading broke off: {error}", where=self._where) from error
