"""What botocore and `http.client` take for an answer when a connection is cut, kept from them.

The head of an answer that breaks off ends for `http.client` as one that is complete: an ETag loses
its end, a listing without a length is an empty one (CPython 3.11, `http.client._read_headers`).
Here it is an error, which botocore tries again.

With `Expect: 100-continue` botocore asks a store whether it may send a body, and reads the answer
line by line until an empty one. Where the connection is cut in between it reads nothing for ever,
at full speed, in a thread that nothing ends (botocore 1.43, `AWSConnection._consume_headers`). A
body that is sent at once costs little more where it is refused, and the header is not part of what
is signed.
"""

from __future__ import annotations

from http.client import HTTPResponse, RemoteDisconnected
from typing import Any

from botocore.awsrequest import AWSHTTPConnection, AWSHTTPSConnection


def guarded(client: Any) -> Any:
    """The same boto3 client, with whole heads only and without asking before it sends.

    The first holds for all clients of this process: botocore has no such choice for one.
    """
    for kind in (AWSHTTPConnection, AWSHTTPSConnection):
        kind.response_class = WholeHead
    client.meta.events.register("before-send.s3", _drop_expect)
    return client


class WholeHead(HTTPResponse):
    """An answer whose head has an end."""

    def begin(self) -> None:
        """Read the head.

        Raises:
            RemoteDisconnected: the connection was closed before its end.
        """
        file: Any = self.fp
        watched: Any = _LastLine(file)
        self.fp = watched
        try:
            super().begin()
        finally:
            if self.fp is watched:
                self.fp = file
        if watched.line not in (b"\r\n", b"\n"):
            raise RemoteDisconnected("the head of the answer broke off")


class _LastLine:
    """A file of which the last line that was read is remembered."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.line = b"\n"

    def readline(self, limit: int = -1) -> bytes:
        self.line = self._file.readline(limit)
        return self.line

    def close(self) -> None:
        self._file.close()


def _drop_expect(request: Any, **_: Any) -> None:
    request.headers.pop("Expect", None)
