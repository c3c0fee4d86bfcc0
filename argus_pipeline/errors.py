"""The one family of errors that people get to read.

Each says what is wrong, where, what was expected and what to do about it, so that a message
can be shown as it is: on a terminal, in the Dagster UI or in a quarantine record.
"""

from __future__ import annotations

MAX_CHARACTERS = 2_000


class ArgusError(Exception):
    """An error that a person can act on.

    Args:
        what: what is wrong, in one sentence.
        where: file, key, byte offset or field that it concerns.
        expected: what would have been right.
        hint: what to do now, often a command.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        expected: str | None = None,
        hint: str | None = None,
    ) -> None:
        # Values from outside are quoted in messages, and some are a megabyte long.
        self.what = what if len(what) <= MAX_CHARACTERS else f"{what[:MAX_CHARACTERS]}…"
        self.where = where
        self.expected = expected
        self.hint = hint
        super().__init__(str(self))

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        if self.expected:
            text += f" (expected {self.expected})"
        if self.hint:
            text += f". {self.hint}"
        return text

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments: errors must survive the way between two processes.
        return (_rebuild, (type(self), self.what, self.where, self.expected, self.hint))


def _rebuild(
    kind: type[ArgusError], what: str, where: str | None, expected: str | None, hint: str | None
) -> ArgusError:
    return kind(what, where=where, expected=expected, hint=hint)


class BadInput(ArgusError):
    """Data from outside is wrong. Trying again with the same data cannot help."""


class Unavailable(ArgusError):
    """A service that Argus needs does not answer. Trying again later can help."""
