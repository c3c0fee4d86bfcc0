"""The native parser of Argus: binary recordings in, Arrow columns and RFC 4180 CSV out.

Formats are told by their bytes: AUTOSAR DLT, versions 1 and 2, with storage headers, serial headers
or bare, and `.rec` of OpenDaVINCI, OpenDLV and libcluon.

A recording in a file, with all cores:

    reader = argus_native.Reader("ecu1.dlt")
    for batch in reader:
        frame = polars.DataFrame(batch)           # no copy; pyarrow.record_batch(batch) as well
    reader.take_faults()                          # what could not be decoded, and why

A stream, in chunks of any size:

    specification = argus_native.Specification(text, source="vehicle.odvd")   # for .rec only
    parser = argus_native.Parser(specification=specification)
    for chunk in chunks:
        parser.feed(chunk)
        for batch in parser.take():
            ...
    parser.finish()                               # then take() and take_faults() once more

Times are nanoseconds since 1970 in UTC; sizes and offsets are bytes. docs/tables.md lists the
columns.
"""

from collections.abc import Iterator, Sequence
from os import PathLike
from typing import final

from typing_extensions import Buffer

__version__: str
"""Version of the parser: it changes whenever the output for the same input does."""

class DamagedRecording(ValueError):
    """Strict reading met a byte that it could not decode: `byte <offset>: <reason>`."""

def detect(first_bytes: Buffer) -> str | None:
    """Tell the format (`"dlt"`, `"rec"`) by a recording's first bytes; None when it is neither."""

@final
class Specification:
    """Message specifications in the `.odvd` language: what is inside the messages of a `.rec`."""

    def __init__(self, text: str, *, source: str = "<odvd>") -> None:
        """Read a specification.

        Args:
            text: the content of the file.
            source: the file's name, for the message.

        Raises:
            ValueError: `source:line:column: found …, expected …`.
        """

    def merge(self, other: Specification) -> list[tuple[int, str]]:
        """Take over the messages of `other` whose id and name are still free.

        Returns:
            Id and name of those left out, because another message, of another shape, has them.
        """

    @property
    def messages(self) -> list[tuple[int, str]]:
        """Id and name of each message, by id."""

@final
class CatalogueEntry:
    """What a catalogue says of one message. Texts are empty where it does not say."""

    @property
    def message_id(self) -> int: ...
    @property
    def name(self) -> str:
        """Name of the frame."""

    @property
    def app(self) -> str:
        """Id of the application that sends it."""

    @property
    def context(self) -> str:
        """Id of the application's context."""

    @property
    def type(self) -> int | None:
        """As in an extended header: 0 log, 1 application trace, 2 network trace, 3 control."""

    @property
    def subtype(self) -> int | None:
        """As in an extended header: of a log 1 fatal, 2 error, 3 warn … 6 verbose."""

    @property
    def source_file(self) -> str:
        """File of the program that sends it."""

    @property
    def source_line(self) -> int | None:
        """Line in that file."""

    def render(self, payload: bytes, *, big_endian: bool = False) -> tuple[str, int]:
        """The message's text, and how many bytes of the payload are left over.

        Args:
            payload: what follows the message id.
            big_endian: the byte order that the message's header says.

        Raises:
            ValueError: the payload is shorter than the items need.
        """

@final
class Catalogue:
    """What non-verbose DLT messages say, by message id: a FIBEX catalogue once it is read.

    `argus_pipeline.recordings.fibex` fills it from XML.
    """

    def __init__(self) -> None:
        """An empty catalogue."""

    def add(
        self,
        message_id: int,
        items: Sequence[tuple[str, int, str, str]],
        *,
        name: str = "",
        app: str = "",
        context: str = "",
        type: int | None = None,
        subtype: int | None = None,
        source_file: str = "",
        source_line: int | None = None,
    ) -> bool:
        """Add a message; control characters in texts are made harmless.

        Args:
            message_id: its number.
            items: in the order of the payload, each with its kind, bits, text and unit. `text` is
                not in the payload (0 bits). `bool`, `sint`, `uint`, `hex` and `bin` have 8 to 128
                bits, `float` 16, 32 or 64; `string` and `raw` (0 bits) begin with a u16 length.
                The text of a value is its name.
            name: of the frame.
            app: id of the application.
            context: id of the context.
            type: as in an extended header, 0 to 7.
            subtype: as in an extended header, 0 to 15.
            source_file: file of the program that sends it.
            source_line: line in that file.

        Returns:
            False where an entry of this id, application and context with other content is there
            already, or more than 256 of one id: the earlier ones stay.

        Raises:
            ValueError: a kind or a number of bits that there is not.
            RuntimeError: a parser uses the catalogue.
        """

    def merge(self, other: Catalogue) -> list[tuple[int, str]]:
        """Take over the entries of `other` that are still free.

        Returns:
            Id and name of those left out, because an earlier one has other content.

        Raises:
            RuntimeError: a parser uses the catalogue.
        """

    def find(self, message_id: int, *, app: str = "", context: str = "") -> CatalogueEntry | None:
        """The entry of a message. Application and context choose among several of one id."""

    def __len__(self) -> int:
        """Number of entries."""

@final
class Batch:
    """Rows of one table that never change again. At most 65,536 rows, about 8 MB.

    Implements the Arrow PyCapsule interface: a struct array with one child for each column, whose
    memory is shared and not copied.
    """

    @property
    def table(self) -> str:
        """Its name: `messages`, `lifecycles` or `sources`; of a `.rec` `<message>-<sender>`."""

    @property
    def rows(self) -> int:
        """Number of rows, at least one."""

    def __arrow_c_schema__(self) -> object:
        """The schema as a PyCapsule named `arrow_schema`."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]:
        """Schema and array as PyCapsules; a requested schema is not followed."""

    def to_csv(self, *, header: bool = True, delimiter: str = ",", line_end: str = "\r\n") -> bytes:
        r"""The rows as CSV after RFC 4180 in UTF-8. Runs without the GIL.

        Null is an empty field and an empty text `""`. Times are written as
        `2025-10-09T08:53:20.014263000Z`, binary as lower-case hex, booleans as `true` and `false`,
        floats with the shortest digits that read back as the same value, or `NaN`, `inf`, `-inf`.

        Args:
            header: whether the first line names the columns.
            delimiter: one ASCII character.
            line_end: `"\r\n"` or `"\n"`.

        Raises:
            ValueError: the delimiter or the line end is none of these.
        """

    def csv_header(self, *, delimiter: str = ",", line_end: str = "\r\n") -> bytes:
        """The line that names the columns.

        Raises:
            ValueError: the delimiter or the line end is none that `to_csv` takes.
        """

    @property
    def csv_rows(self) -> memoryview | None:
        """The rows as CSV without a header, where a reader with `csv=True` wrote them. No copy."""

    def __len__(self) -> int: ...

@final
class Parser:
    """A push parser for one recording: chunks of any size in, batches and faults out.

    The same batches come out however the bytes are cut into chunks. Bad bytes never raise: they are
    quarantined, and after `finish()` `decoded_bytes + quarantined_bytes == bytes_in`. May be used
    by several threads, one at a time inside it.
    """

    def __init__(
        self,
        *,
        specification: Specification | None = None,
        catalogue: Catalogue | None = None,
        scan: Scan | None = None,
        strict: bool = False,
    ) -> None:
        """Begin a recording.

        Args:
            specification: what `.rec` messages are read with; it is copied.
            catalogue: what non-verbose DLT messages are read with; it cannot change any more.
            scan: of the same recording. Without it the columns `lifecycle` stays empty, and `time`
                is the time of storage.
            strict: raise at the first byte that cannot be decoded.
        """

    def feed(self, data: Buffer) -> None:
        """Take the next bytes. Runs without the GIL; keeps no reference to `data`.

        Batches gather until `take()` fetches them, so feed in chunks of a few megabytes.

        Raises:
            RuntimeError: `finish()` was called before.
            DamagedRecording: something could not be decoded, with `strict`.
        """

    def finish(self) -> None:
        """Say that no more bytes follow. Runs without the GIL. A second call does nothing.

        Raises:
            DamagedRecording: something could not be decoded, with `strict`.
        """

    def take(self) -> list[Batch]:
        """The batches since the last call, in the order in which they were completed."""

    def take_faults(self) -> list[tuple[int, int, str]]:
        """Offset, length and reason of the faults since the last call, by offset.

        Those of the last 2 MiB may still grow and are kept back until `finish()`.
        """

    @property
    def format(self) -> str | None:
        """`"dlt"`, `"rec"`, or None while it is not known."""

    @property
    def bytes_in(self) -> int:
        """Bytes fed so far."""

    @property
    def decoded_bytes(self) -> int:
        """Bytes of the messages decoded so far."""

    @property
    def quarantined_bytes(self) -> int:
        """Bytes that belong to no believable message, so far."""

    @property
    def rows(self) -> int:
        """Messages decoded so far, over all tables."""

    @property
    def fault_count(self) -> int:
        """Stretches of quarantined bytes so far; adjacent ones of one reason are one."""

    @property
    def undecoded(self) -> dict[str, int]:
        """What was kept as raw bytes, and how often."""

@final
class Scan:
    """What a first pass over a DLT recording found: lifecycles, their clocks, and losses."""

    def tables(self) -> list[Batch]:
        """The tables `lifecycles` and `sources`, where they have rows."""

@final
class Scanner:
    """The first pass by itself, over a stream: chunks of any size in."""

    def __init__(self) -> None:
        """Begin a recording."""

    def feed(self, data: Buffer) -> None:
        """Take the next bytes. Runs without the GIL; keeps no reference to `data`.

        Raises:
            RuntimeError: `finish()` was called before.
        """

    def finish(self) -> Scan:
        """Say that no more bytes follow, and get what was found; nothing in a `.rec`."""

@final
class Reader:
    """A recording in a file, read by several threads. Iterate over it once for the batches.

    The batches of `lifecycles` and `sources` come first, then the others in the order of the
    recording: the same as those of one thread and, but for the batches of `.rec` tables that share
    a segment of 2 MiB, in the order of the rows. Memory is bounded whatever the recording's size.
    Bad bytes never raise: they are quarantined, and in the end
    `decoded_bytes + quarantined_bytes == bytes_in`.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        specification: Specification | None = None,
        catalogue: Catalogue | None = None,
        threads: int = 0,
        csv: bool = False,
        delimiter: str = ",",
        line_end: str = "\r\n",
        strict: bool = False,
    ) -> None:
        """Open a recording.

        Args:
            path: a regular file, not compressed.
            specification: what `.rec` messages are read with; it is copied.
            catalogue: what non-verbose DLT messages are read with; it cannot change any more.
            threads: 0 for as many as there are cores.
            csv: have the threads write each batch as CSV, too (`Batch.csv_rows`).
            delimiter: of the CSV, one ASCII character.
            line_end: of the CSV, `"\r\n"` or `"\n"`.
            strict: raise at the first byte that cannot be decoded.

        Raises:
            OSError: the file cannot be opened.
            ValueError: the delimiter or the line end is none of these.
        """

    def __iter__(self) -> Iterator[Batch]: ...
    def __next__(self) -> Batch:
        """The next batch. Runs without the GIL; Ctrl-C ends it.

        Raises:
            OSError: the file cannot be read, or became shorter meanwhile.
            DamagedRecording: something could not be decoded, with `strict`.
        """

    def cancel(self) -> None:
        """End it early, from any thread: no more batches come."""

    def take_faults(self) -> list[tuple[int, int, str]]:
        """Offset, length and reason of the faults since the last call, by offset.

        The newest fault may still grow and is kept back until the last batch was taken.
        """

    @property
    def format(self) -> str | None:
        """`"dlt"`, `"rec"`, or None where it is neither or nothing was read yet."""

    @property
    def bytes_in(self) -> int:
        """Size of the recording."""

    @property
    def bytes_done(self) -> int:
        """Bytes that all passes are done with, of `bytes_to_do`. From any thread."""

    @property
    def bytes_to_do(self) -> int:
        """A DLT recording is read twice: this is twice its size, then."""

    @property
    def decoded_bytes(self) -> int:
        """Bytes of the messages decoded so far."""

    @property
    def quarantined_bytes(self) -> int:
        """Bytes that belong to no believable message, so far."""

    @property
    def rows(self) -> int:
        """Messages decoded so far, over all tables."""

    @property
    def fault_count(self) -> int:
        """Stretches of quarantined bytes so far; adjacent ones of one reason are one."""

    @property
    def undecoded(self) -> dict[str, int]:
        """What was kept as raw bytes, and how often."""
