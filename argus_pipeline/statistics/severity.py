"""The severity words, from the worst to the least, and how other scales map to them.

The words and their order are those of AUTOSAR DLT log levels (PRS Log and Trace Protocol: 1 fatal
to 6 verbose). `none` stands for a message that carries no severity.
"""

from __future__ import annotations

from typing import Final

import polars as pl

NONE: Final = "none"
SEVERITIES: Final = ("fatal", "error", "warn", "info", "debug", "verbose", NONE)
CRITICAL: Final = ("fatal", "error")

SEVERITY = pl.Enum(SEVERITIES)
"""Sorts from the worst to the least; stored in Parquet as a dictionary of strings."""

LEVELS: Final = dict(enumerate(SEVERITIES[:-1], start=1))
"""DLT's log levels, which numeric severities of `.rec` messages are taken for."""

WORDS: Final = {
    "fatal": ("fatal", "critical", "emergency", "alert"),
    "error": ("error", "err"),
    "warn": ("warn", "warning"),
    "info": ("info", "information", "notice"),
    "debug": ("debug",),
    "verbose": ("verbose", "trace"),
}
"""Lower-case words for each severity: those of DLT, of syslog (RFC 5424) and of usual loggers."""


# Conditions and not `replace_strict`, which keeps a whole column in memory (polars 2.1).
def from_level(level: pl.Expr) -> pl.Expr:
    """Severity word of an integer on DLT's scale, null outside of 1 to 6."""
    return pl.coalesce(
        pl.when(level == number).then(pl.lit(word)) for number, word in LEVELS.items()
    )


def from_word(word: pl.Expr) -> pl.Expr:
    """Severity word of a text in any case (or of a level in digits), null where it is none."""
    given = word.str.strip_chars().str.to_lowercase()
    return pl.coalesce(
        pl.when(given.is_in([*WORDS[severity], str(number)])).then(pl.lit(severity))
        for number, severity in LEVELS.items()
    )
