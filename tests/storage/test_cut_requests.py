"""A store that goes away between a request and its body."""

from __future__ import annotations

import socket
import threading

import pytest
from botocore.exceptions import BotoCoreError

from argus_pipeline.settings import Settings
from argus_pipeline.storage.object_store import s3_client
from resources.s3 import S3


class Leaving:
    """Answers every request with the beginning of `100 Continue`, and is gone."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.heads: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += connection.recv(65536) or b"\r\n\r\n"
                self.heads.append(head)
                connection.sendall(b"HTTP/1.1 100 Continue\r\n")

    def close(self) -> None:
        self._socket.close()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", ["ours", "Dagster's"])
def test_a_body_is_not_waited_for_a_store_that_left(kind: str) -> None:
    """botocore with `Expect: 100-continue` would read nothing for ever, at full speed."""
    store = Leaving()
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    client = (
        s3_client(
            Settings("bucket", "", store.url, "us-east-1", "a", "b", database_url=None),
        )
        if kind == "ours"
        else S3(endpoint_url=store.url, region_name="us-east-1", **keys).get_client()
    )

    with pytest.raises(BotoCoreError):
        client.put_object(Bucket="bucket", Key="key", Body=b"bytes")

    store.close()
    assert store.heads
    assert not any(b"expect:" in head.lower() for head in store.heads)


def test_steps_and_ticks_of_a_process_share_one_client_for_the_same_options() -> None:
    keys = {"region_name": "us-east-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}
    first = S3(endpoint_url="http://127.0.0.1:1", **keys).get_client()
    assert S3(endpoint_url="http://127.0.0.1:1", **keys).get_client() is first
    others = (
        S3(endpoint_url="http://127.0.0.1:2", **keys),
        S3(endpoint_url="http://127.0.0.1:1", **{**keys, "aws_secret_access_key": "new"}),
    )
    assert all(other.get_client() is not first for other in others)
