"""Which engine carries out the runs, and how it is reached. The environment decides."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from argus_pipeline import settings
from argus_pipeline.errors import ArgusError

ENGINE_VARIABLE: Final = "ARGUS_ENGINE"
BROKER_VARIABLE: Final = "ARGUS_BROKER_URL"
MEGABYTE: Final = 1024 * 1024


class Engine(StrEnum):
    """What carries out runs; the outputs are the same bytes with each."""

    LOCAL = "local"
    CELERY = "celery"
    KUBERNETES = "kubernetes"


@dataclass(frozen=True, slots=True)
class Sizes:
    """From when on a batch is large: its work is then divided over processes or workers.

    Attributes:
        large_bytes: `ARGUS_LARGE_BATCH_MB`, here in bytes. Below it, starting processes takes
            longer than the parsing that they would share.
        large_files: `ARGUS_LARGE_BATCH_FILES`, more recordings than that.
        shards: `ARGUS_SHARDS`, the parts of the parsing of a batch with many recordings.
        large_cpus: `ARGUS_LARGE_BATCH_CPUS`, cores that the pod of a large batch asks for.
    """

    large_bytes: int = 64 * MEGABYTE
    large_files: int = 16
    shards: int = 8
    large_cpus: int = 4


def engine_from(environment: Mapping[str, str] | None = None) -> Engine:
    """The engine that `ARGUS_ENGINE` names, by default `local`.

    Raises:
        ArgusError: there is no such engine.
    """
    given = _said(environment).get(ENGINE_VARIABLE) or Engine.LOCAL.value
    try:
        return Engine(given)
    except ValueError as error:
        raise ArgusError(
            f"is {given!r}", where=ENGINE_VARIABLE, expected=" or ".join(map(str, Engine))
        ) from error


def broker_url(environment: Mapping[str, str] | None = None) -> str:
    """The URL of the Redis that carries the tasks, with its password in it.

    Raises:
        ArgusError: none is named, or it is not one of Redis.
    """
    url = _said(environment).get(BROKER_VARIABLE)
    if not url:
        raise ArgusError(
            "no broker is named",
            where=BROKER_VARIABLE,
            expected="redis://:password@host:6379/0",
            hint="`argus up --engine celery` starts one on this machine",
        )
    if urlsplit(url).scheme not in {"redis", "rediss"}:
        raise ArgusError(
            f"is {without_password(url)!r}",
            where=BROKER_VARIABLE,
            expected="redis://:password@host:6379/0, or rediss:// with TLS",
        )
    return url


def without_password(url: str) -> str:
    """A URL as it may be shown."""
    parts = urlsplit(url)
    _, at, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"***@{host}" if at else host))


def read_sizes(environment: Mapping[str, str] | None = None) -> Sizes:
    """The sizes as the environment has them, over the usual ones.

    Raises:
        ArgusError: one of them is no whole number above zero.
    """
    usual = Sizes()
    return Sizes(
        large_bytes=whole("ARGUS_LARGE_BATCH_MB", usual.large_bytes // MEGABYTE, environment)
        * MEGABYTE,
        large_files=whole("ARGUS_LARGE_BATCH_FILES", usual.large_files, environment),
        shards=whole("ARGUS_SHARDS", usual.shards, environment),
        large_cpus=whole("ARGUS_LARGE_BATCH_CPUS", usual.large_cpus, environment),
    )


def whole(variable: str, usual: int, environment: Mapping[str, str] | None = None) -> int:
    """A whole number above zero from the environment.

    Raises:
        ArgusError: it is something else.
    """
    given = (os.environ if environment is None else environment).get(variable)
    if not given:
        return usual
    if not given.isdecimal() or int(given) == 0:
        raise ArgusError(f"is {given!r}", where=variable, expected=f"a number such as {usual}")
    return int(given)


def _said(environment: Mapping[str, str] | None) -> Mapping[str, str]:
    if environment is not None:
        return environment
    return {**settings.local_environment(), **{k: v for k, v in os.environ.items() if v}}
