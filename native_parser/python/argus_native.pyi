"""The native parser of Argus: binary recordings in, Arrow columns and RFC 4180 CSV out.

Formats are told by their bytes: AUTOSAR DLT version 1 (with storage or serial headers) and `.rec`
of OpenDaVINCI, OpenDLV and libcluon.

    specification = argus_native.Specification(text, source="vehicle.odvd")   # for .rec only
    parser = argus_native.Parser(specification=specification)
    for chunk in chunks:
        parser.feed(chunk)
        for batch in parser.take():
            frame = polars.DataFrame(batch)       # no copy; pyarrow.record_batch(batch) as well
    parser.finish()                               # then take() and take_faults() once more

Times are nanoseconds since 1970 in UTC; sizes and offsets are bytes.
"""

from typing import final

from typing_extensions import Buffer

__version__: str
"""Version of the parser: it changes whenever the output for the same input does."""

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
class Batch:
    """Rows of one table that never change again. At most 65,536 rows, about 8 MB.

    Implements the Arrow PyCapsule interface: a struct array with one child for each column, whose
    memory is shared and not copied.
    """

    @property
    def table(self) -> str:
        """Name of the table: `messages` for DLT, `<message>-<sender>` for `.rec`."""

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

    def __len__(self) -> int: ...

@final
class Parser:
    """A push parser for one recording: chunks of any size in, batches and faults out.

    The same batches come out however the bytes are cut into chunks. Bad bytes never raise: they are
    quarantined, and after `finish()` `decoded_bytes + quarantined_bytes == bytes_in`. May be used
    by several threads, one at a time inside it.
    """

    def __init__(self, *, specification: Specification | None = None) -> None:
        """Begin a recording; the specification is copied, and used for `.rec` only."""

    def feed(self, data: Buffer) -> None:
        """Take the next bytes. Runs without the GIL; keeps no reference to `data`.

        Batches gather until `take()` fetches them, so feed in chunks of a few megabytes.

        Raises:
            RuntimeError: `finish()` was called before.
        """

    def finish(self) -> None:
        """Say that no more bytes follow. Runs without the GIL. A second call does nothing."""

    def take(self) -> list[Batch]:
        """The batches since the last call, in the order in which they were completed."""

    def take_faults(self) -> list[tuple[int, int, str]]:
        """Offset, length and reason of the faults since the last call, by offset.

        The newest fault may still grow and is kept back until `finish()`.
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
