"""Who may do what in the bucket: as policies that AWS, MinIO and SeaweedFS take.

`docs/operations.md` shows them; the local store has keys for each of the three.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from argus_pipeline.storage import keys

INCOMING: Final = "incoming/"
RESULTS: Final = (
    *("parsed/", "quarantine/", "statistics/", "charts/", "reports/"),
    *(keys.FLEET, keys.CAMPAIGNS),
)
"""What is made of uploads, for people to read."""

RECORDS: Final = (
    *(keys.GIVEN_UP, keys.RETRIES, keys.ARCHIVED, keys.EXPIRED, keys.ALERTS),
    "dagster/",
)
"""What the pipeline keeps for itself."""


class Role(StrEnum):
    """Who has keys of their own."""

    VEHICLE = "vehicle"
    PIPELINE = "pipeline"
    READER = "reader"


def policy(role: Role, bucket: str, prefix: str = "") -> dict[str, Any]:
    """The least that a role needs.

    A vehicle reads what lies under `incoming/`, since it looks there for what it need not send
    again. The pipeline changes nothing that was uploaded; deleting by age, and `argus forget`, are
    for the bucket's owner. A reader sees what was made of the uploads, and no upload.

    Args:
        role: whose.
        bucket: the bucket.
        prefix: of all keys in it, without slashes around.
    """
    statements = {
        Role.VEHICLE: [
            _list(bucket, prefix, INCOMING),
            # MinIO takes no condition here: names of unfinished uploads are seen, nothing of them.
            _allow("ListBucketMultipartUploads", resources=[f"arn:aws:s3:::{bucket}"]),
            _objects(
                *("GetObject", "PutObject", "AbortMultipartUpload", "ListMultipartUploadParts"),
                bucket=bucket,
                prefix=prefix,
                parts=(INCOMING,),
            ),
        ],
        Role.PIPELINE: [
            _list(bucket, prefix),
            _objects("GetObject", bucket=bucket, prefix=prefix, parts=("",)),
            _objects(
                *("PutObject", "DeleteObject", "AbortMultipartUpload", "ListMultipartUploadParts"),
                bucket=bucket,
                prefix=prefix,
                parts=(*RESULTS, *RECORDS),
            ),
        ],
        Role.READER: [
            _list(bucket, prefix, *RESULTS),
            _objects("GetObject", bucket=bucket, prefix=prefix, parts=RESULTS),
        ],
    }
    return {"Version": "2012-10-17", "Statement": statements[role]}


def _list(bucket: str, prefix: str, *parts: str) -> dict[str, Any]:
    found = _allow("ListBucket", resources=[f"arn:aws:s3:::{bucket}"])
    if parts or prefix:
        within = [f"{_before(prefix)}{part}*" for part in parts or ("",)]
        found["Condition"] = {"StringLike": {"s3:prefix": within}}
    return found


def _objects(*actions: str, bucket: str, prefix: str, parts: tuple[str, ...]) -> dict[str, Any]:
    resources = [f"arn:aws:s3:::{bucket}/{_before(prefix)}{part}*" for part in parts]
    return _allow(*actions, resources=resources)


def _allow(*actions: str, resources: list[str]) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Action": [f"s3:{action}" for action in actions],
        "Resource": resources,
    }


def _before(prefix: str) -> str:
    return f"{prefix}/" if prefix else ""
