"""How long a text is for a language model."""

from __future__ import annotations


def token_estimate(text: str) -> int:
    """About how many tokens a language model reads: 4 ASCII characters make one, any other is one.

    Deliberately on the high side for names and numbers, since it is used as an upper bound.
    """
    ascii_characters = sum(1 for c in text if c.isascii())
    return -(-ascii_characters // 4) + len(text) - ascii_characters
