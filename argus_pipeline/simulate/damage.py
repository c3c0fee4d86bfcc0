"""Damages a recording as a failing disk and a cut connection do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from argus_pipeline.simulate.dice import Dice
from argus_pipeline.simulate.recording import Recording, Written

_GARBAGE_MESSAGES: Final = 40
_TAIL_MESSAGES: Final = 3


@dataclass(frozen=True, slots=True)
class Damage:
    """Damaged bytes; `unreadable_from` to `unreadable_to` (exclusive) hold the lost messages."""

    what: str
    offset: int
    size: int
    unreadable_from: int
    unreadable_to: int
    messages_lost: int


def damage(recording: Recording, dice: Dice) -> tuple[Recording, tuple[Damage, ...]]:
    """Overwrite a stretch in the middle with garbage and cut the end off inside a message.

    The garbage begins where a message begins and ends inside one, so that it is beyond doubt
    which messages are lost.

    Returns:
        The damaged recording, with the readable messages only, and what was done to it.
    """
    messages = recording.messages
    first = len(messages) * 9 // 20
    after = min(first + _GARBAGE_MESSAGES, len(messages) // 2)
    begin = messages[first].offset
    end = _middle(messages[after - 1])
    cut = len(messages) - _TAIL_MESSAGES
    length = _middle(messages[cut])
    data = recording.data[:begin] + dice.octets(end - begin) + recording.data[end:length]
    done = (
        Damage(
            "overwritten with garbage",
            begin,
            end - begin,
            begin,
            messages[after].offset,
            after - first,
        ),
        Damage(
            "truncated",
            length,
            len(recording.data) - length,
            messages[cut].offset,
            length,
            _TAIL_MESSAGES,
        ),
    )
    return Recording(data, messages[:first] + messages[after:cut]), done


def _middle(message: Written) -> int:
    return message.offset + message.size // 2
