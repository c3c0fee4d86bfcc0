"""dagster-aws's S3, whose clients do not ask before they send."""

from typing import Any

from dagster_aws.s3 import S3Resource

from argus_pipeline.storage.expect import without_expect


class S3(S3Resource):
    """All options of `S3Resource`; see `argus_pipeline.storage.expect` for the difference."""

    def get_client(self) -> Any:
        """A boto3 client of its own for each call, as in the parent."""
        return without_expect(super().get_client())
