"""What can go wrong with a call of the language model, each with its own consequence."""

from __future__ import annotations

from argus_pipeline.errors import ArgusError, Unavailable


class Away(Unavailable):
    """The model does not answer now; the report is made without it."""


class Unusable(ArgusError):
    """The model answered, and nothing can be made of it."""


class Busy(Exception):
    """The endpoint wants fewer calls (429, 503); `pause_s` is what it asks for, in seconds."""

    def __init__(self, reason: str, pause_s: float | None) -> None:
        self.pause_s = pause_s
        super().__init__(reason)


class TimedOut(Exception):
    """A call took longer than a call may take, or its connection broke."""


class FormRefused(Exception):
    """The endpoint does not take a call of this form (400, 422): a plainer one may do."""
