"""Uploads in parts that nobody finishes: the store ends them after some days, by a rule.

They cost space that no listing shows. MinIO refuses the rule and ends them by a setting of its own.
"""

from __future__ import annotations

import os
from typing import Any, Final

from botocore.exceptions import ClientError

from argus_pipeline.errors import ArgusError

DEFAULT_DAYS: Final = 7
RULE: Final = "argus-stale-uploads"
_ABORT: Final = "AbortIncompleteMultipartUpload"


def days_until_stale() -> int:
    """After how many days an unfinished upload is ended: `ARGUS_STALE_UPLOAD_DAYS`, or 7.

    Raises:
        ArgusError: it is no number of days.
    """
    given = os.environ.get("ARGUS_STALE_UPLOAD_DAYS") or str(DEFAULT_DAYS)
    if not given.isdecimal() or int(given) == 0:
        raise ArgusError(
            f"is {given!r}", where="ARGUS_STALE_UPLOAD_DAYS", expected="a number of days, such as 7"
        )
    return int(given)


def read_rule(client: Any, bucket: str) -> int | None:
    """After how many days the bucket's rule ends unfinished uploads; None without such a rule."""
    found = [rule[_ABORT]["DaysAfterInitiation"] for rule in _rules(client, bucket) if _ends(rule)]
    return min(found, default=None)


def ensure_rule(client: Any, bucket: str, days: int) -> bool:
    """Make the rule where the store takes it; other rules of the bucket stay.

    Returns:
        Whether unfinished uploads are ended by a rule now.
    """
    try:
        rules = [rule for rule in _rules(client, bucket) if rule.get("ID") != RULE]
        if any(_ends(rule) for rule in rules):
            return True
        ours = {
            "ID": RULE,
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            _ABORT: {"DaysAfterInitiation": days},
        }
        client.put_bucket_lifecycle_configuration(
            Bucket=bucket, LifecycleConfiguration={"Rules": [*rules, ours]}
        )
    except ClientError:
        return False
    return True


def _ends(rule: dict[str, Any]) -> bool:
    return rule.get("Status") == "Enabled" and _ABORT in rule


def _rules(client: Any, bucket: str) -> list[dict[str, Any]]:
    try:
        return list(client.get_bucket_lifecycle_configuration(Bucket=bucket).get("Rules", ()))
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "NoSuchLifecycleConfiguration":
            return []
        raise
