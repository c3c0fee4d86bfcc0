"""Tokens of readers: made once, shown once, kept as a hash with scopes and an end."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Engine, func, select, update
from sqlalchemy.dialects import postgresql

from argus_pipeline.database.engine import session
from argus_pipeline.database.models import SCOPES, ReaderToken
from argus_pipeline.errors import BadInput

READ, VIN, ASK, JUDGE = SCOPES
PREFIX: Final = "argus_"
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LONGEST: Final = 128


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token; the token itself is known to its holder only."""

    name: str
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    def is_good(self, now: datetime) -> bool:
        """Whether it opens the door."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def add_token(
    engine: Engine, name: str, scopes: Sequence[str] = (READ,), *, days: int | None = None
) -> str:
    """Make a token and return it; nobody can read it later. One of this name is replaced.

    Raises:
        BadInput: the name or a scope is none.
        Unavailable: the database does not answer.
    """
    if not _NAME.fullmatch(name):
        raise BadInput(f"the name {name!r} is none", expected="1 to 64 of A-Z a-z 0-9 . _ -")
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise BadInput(
            f"the scopes are {', '.join(unknown) or 'none'}", expected=f"of {', '.join(SCOPES)}"
        )
    token = PREFIX + secrets.token_urlsafe(32)
    row = {
        "digest": digest_of(token),
        "scopes": sorted({READ, *scopes}),
        "created_at": datetime.now(UTC),
        "expires_at": datetime.now(UTC) + timedelta(days=days) if days else None,
        "revoked_at": None,
    }
    statement = postgresql.insert(ReaderToken).values(name=name, **row)
    with session(engine) as opened:
        opened.execute(statement.on_conflict_do_update(index_elements=["name"], set_=row))
    return token


def revoke_token(engine: Engine, name: str) -> None:
    """Let a token open nothing any more, in all processes within seconds.

    Raises:
        BadInput: there is none of this name.
        Unavailable: the database does not answer.
    """
    with session(engine) as opened:
        ended = opened.scalars(
            update(ReaderToken)
            .where(ReaderToken.name == name)
            .values(revoked_at=func.coalesce(ReaderToken.revoked_at, func.now()))
            .returning(ReaderToken.name)
        ).all()
    if not ended:
        raise BadInput(f"there is no token {name!r}", hint="`argus serve token list` shows all")


def list_tokens(engine: Engine) -> list[Token]:
    """All tokens, by name.

    Raises:
        Unavailable: the database does not answer.
    """
    with session(engine) as opened:
        rows = opened.scalars(select(ReaderToken).order_by(ReaderToken.name)).all()
    return [_token(row) for row in rows]


def find_token(engine: Engine, token: str) -> Token | None:
    """What a token allows, or None where it is not known.

    The hash is looked up, so how long it takes tells nothing of the token.

    Raises:
        Unavailable: the database does not answer.
    """
    if len(token) > _LONGEST:
        return None
    with session(engine) as opened:
        row = opened.scalar(select(ReaderToken).where(ReaderToken.digest == digest_of(token)))
    return None if row is None else _token(row)


def digest_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _token(row: ReaderToken) -> Token:
    return Token(row.name, frozenset(row.scopes), row.created_at, row.expires_at, row.revoked_at)
