"""Reads an answer line by line: one sentence a line, with the ids that it rests on in brackets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from argus_pipeline.diagnosis.model import Claim
from argus_pipeline.diagnosis.text import clean
from argus_pipeline.diagnosis.validator import faults_of
from argus_pipeline.diagnosis.written import addresses_or_leaks

UNKNOWN: Final = "UNKNOWN"
MAX_SENTENCES: Final = 12
_CHARACTERS: Final = 600
_CITED: Final = re.compile(
    r"\s*[\[(（【]\s*([EKD][1-9]\d*(?:\s*[,;、，；]\s*[EKD][1-9]\d*)*)\s*[\])）】]"
)
_MARK: Final = re.compile(r"^(?:[-*•]\s+|\d+[.)]\s+)")


def read_sentence(line: str) -> Claim:
    """A line as a sentence and its citations, wherever in the line they stand."""
    cited = [one for group in _CITED.findall(line) for one in re.split(r"\s*[,;、，；]\s*", group)]
    text = clean(_MARK.sub("", _CITED.sub("", line).strip()), _CHARACTERS)
    return Claim(text, tuple(dict.fromkeys(cited)))


@dataclass(slots=True)
class SentenceReader:
    """Takes text as it comes and gives on each sentence that holds, as soon as its line ends.

    Args:
        entries: what may be cited, with the figures of each.
        instructions: what no sentence may repeat.
        on_sentence: gets each sentence that holds.
    """

    entries: Mapping[str, frozenset[str]]
    instructions: str
    on_sentence: Callable[[Claim], None] | None = None
    sentences: list[Claim] = field(default_factory=list)
    dropped: int = 0
    _rest: str = ""

    def feed(self, text: str) -> None:
        """More of the answer."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._take(line)

    def end(self) -> None:
        """The answer is over."""
        self.feed("\n")

    def _take(self, line: str) -> None:
        sentence = read_sentence(line)
        if not sentence.text or sentence.text.strip(".!。") == UNKNOWN:
            return
        problems = faults_of(sentence, self.entries)
        problems += addresses_or_leaks(sentence.text, self.instructions)
        if problems or len(self.sentences) >= MAX_SENTENCES:
            self.dropped += 1
        elif sentence not in self.sentences:
            self.sentences.append(sentence)
            if self.on_sentence is not None:
                self.on_sentence(sentence)
