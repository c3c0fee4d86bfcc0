"""dagster-aws's S3, whose clients do not ask before they send and are made once a process."""

from functools import lru_cache
from typing import Any

from dagster_aws.s3 import S3Resource

from argus_pipeline.storage.cut_connections import guarded


class S3(S3Resource):
    """All options of `S3Resource`; `argus_pipeline.storage.cut_connections` is the difference."""

    def get_client(self) -> Any:
        """The process's boto3 client for these options, to be used from any thread.

        boto3 reads a megabyte of JSON for each new one, and each step of a run and each tick of a
        sensor has a resource of its own.
        """
        return _client(tuple(sorted(self.model_dump().items())))


@lru_cache(maxsize=8)
def _client(options: tuple[tuple[str, Any], ...]) -> Any:
    return guarded(S3Resource(**dict(options)).get_client())
