"""Requests to the store without `Expect: 100-continue`.

botocore asks a store whether it may send a body, and reads the answer line by line until an empty
one. Where the connection is cut in between it reads nothing for ever, at full speed, in a thread
that nothing ends (botocore 1.43, `AWSConnection._consume_headers`). A body that is sent at once
costs little more where it is refused, and the header is not part of what is signed.
"""

from __future__ import annotations

from typing import Any


def without_expect(client: Any) -> Any:
    """The same boto3 client, which sends its bodies without asking first."""
    client.meta.events.register("before-send.s3", _drop)
    return client


def _drop(request: Any, **_: Any) -> None:
    request.headers.pop("Expect", None)
