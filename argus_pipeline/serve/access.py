"""Who reads, and what they may see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import Depends, Request

from argus_pipeline.diagnosis.text import clean
from argus_pipeline.serve import masking
from argus_pipeline.serve.context import Context
from argus_pipeline.serve.problems import Refused
from argus_pipeline.serve.tokens import ASK, JUDGE, READ, VIN, Token, digest_of, find_token

COOKIE: Final = "argus_token"
_FRESH_S: Final = 3.0
LOCAL: Final = frozenset({READ, VIN, ASK})
BEHIND_PROXY: Final = frozenset({READ, ASK})


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks. `signed_in`: by a token, not by being on this machine or behind the proxy."""

    name: str
    scopes: frozenset[str]
    signed_in: bool = False

    @property
    def sees_vehicles(self) -> bool:
        """Whether vehicles' names are shown."""
        return VIN in self.scopes

    @property
    def may_judge(self) -> bool:
        """Whether diagnoses may be confirmed and corrected."""
        return JUDGE in self.scopes

    def batch(self, batch: str) -> str:
        """A batch's id as this reader sees it."""
        return batch if self.sees_vehicles else masking.hidden(batch)

    def vehicle(self, vehicle: str) -> str:
        """A vehicle's name as this reader sees it."""
        return vehicle if self.sees_vehicles else masking.mask(vehicle)

    def text(self, text: str, *vehicles: str) -> str:
        """A text as this reader sees it."""
        return text if self.sees_vehicles else masking.masked(text, *vehicles)

    def about(self, batch: str, vehicle: str | None, text: str) -> str:
        """A text about one batch as this reader sees it."""
        if self.sees_vehicles:
            return text
        text = text.replace(batch, self.batch(batch))
        return masking.masked(text, *masking.names_in(batch, vehicle))


def context_of(request: Request) -> Context:
    """The process's share of everything."""
    context: Context = request.app.state.context
    return context


async def reader_of(request: Request) -> Reader:
    """Who asks.

    Raises:
        Refused: a token lacks, or opens nothing.
    """
    context = context_of(request)
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme and scheme.lower() != "bearer":
        raise Refused("this way of signing in is not known", status=401, hint="Use Bearer TOKEN")
    if given:
        return await signed_in(context, given.strip())
    cookie = request.cookies.get(COOKIE)
    if cookie:
        try:
            return await signed_in(context, cookie)
        except Refused:
            if context.options.tokens:
                raise
    if context.options.tokens:
        raise Refused(
            "a token is needed", status=401, hint="Sign in at /sign-in, or send Bearer TOKEN"
        )
    if context.options.proxy:
        peer = request.client.host if request.client else ""
        user = context.options.user_of(peer, request.headers)
        if not user:
            raise Refused(
                "the proxy did not say who comes",
                status=401,
                hint="It says so in X-Forwarded-User, from an address named by --proxy-address",
            )
        return Reader(clean(user, 64), BEHIND_PROXY)
    return Reader("local", LOCAL)


async def signed_in(context: Context, token: str) -> Reader:
    """The holder of a token.

    Raises:
        Refused: it opens nothing.
    """

    def find() -> tuple[Token | None, str]:
        return find_token(context.engine, token), ""

    kept = await context.shared.get(("token", digest_of(token)), find, fresh_s=_FRESH_S)
    found = kept.value
    if found is None or not found.is_good(datetime.now(UTC)):
        raise Refused("this token opens nothing", status=401)
    return Reader(found.name, found.scopes, signed_in=True)


def require(reader: Reader, scope: str) -> None:
    """Refuse a reader without a scope.

    Raises:
        Refused: the reader has it not.
    """
    if scope not in reader.scopes:
        status = 403 if reader.signed_in else 401
        raise Refused(f"this takes a token with the scope {scope}", status=status)


ReaderNow = Annotated[Reader, Depends(reader_of)]
ContextNow = Annotated[Context, Depends(context_of)]
