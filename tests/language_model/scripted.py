"""An OpenAI-compatible server on 127.0.0.1 whose answers follow a script.

It counts how many calls are open at once and how many tokens went by, as an endpoint would, and
ends a call when its client is gone.
"""

from __future__ import annotations

import json
import select
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from argus_pipeline.language_model.tokens import token_estimate


@dataclass(frozen=True)
class Say:
    """One answer of the script.

    Args:
        text: what the model writes.
        status: other than 200 makes it an error.
        headers: further ones.
        finish: the finish reason.
        after_s: how long it takes until the first byte.
        pieces: in how many pieces a streamed answer comes.
        pause_s: between two pieces; of a plain answer, between two bytes of its body.
        hang: never answer.
        raw: these bytes in place of a chat completion.
        usage: whether tokens are told.
    """

    text: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    finish: str = "stop"
    after_s: float = 0.0
    pieces: int = 4
    pause_s: float = 0.0
    hang: bool = False
    raw: bytes | None = None
    usage: bool = True


@dataclass
class Call:
    """One call as the server saw it."""

    body: dict[str, Any]
    key: str | None
    began: float
    ended: float | None = None
    tokens: int = 0
    answered: bool = False

    @property
    def prompt(self) -> str:
        """All that the model was given to read."""
        return "\n".join(m["content"] for m in self.body["messages"])

    @property
    def form(self) -> str:
        """`json_schema`, `json_object` or `text`."""
        return str(self.body.get("response_format", {}).get("type", "text"))


Script = Callable[[Call], Say] | Sequence[Say]
"""What to say: by the call, or in turn, the last one for ever."""


class ScriptedModel:
    """The server. `script` may be changed at any time."""

    def __init__(self, script: Script = (Say("{}"),)) -> None:
        self.script = script
        self.calls: list[Call] = []
        self.most_at_once = 0
        self._open = 0
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def __enter__(self) -> ScriptedModel:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop, and break off what hangs."""
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def most_tokens_within(self, seconds: float) -> int:
        """The most tokens of answered calls in any stretch of time.

        Counted twice, as if each call counted when it began, and when it ended.
        """
        most = 0
        for moment in ("began", "ended"):
            done = sorted((getattr(c, moment), c.tokens) for c in list(self.calls) if c.answered)
            for number, (start, _) in enumerate(done):
                most = max(most, sum(n for t, n in done[number:] if t < start + seconds))
        return most

    def take(self, body: dict[str, Any], key: str | None) -> tuple[Call, Say]:
        with self._lock:
            self._open += 1
            self.most_at_once = max(self.most_at_once, self._open)
            call = Call(body, key, time.monotonic())
            self.calls.append(call)
            if callable(self.script):
                return call, self.script(call)
            said = self.script[0]
            if len(self.script) > 1:
                self.script = self.script[1:]
            return call, said

    def leave(self, call: Call) -> None:
        with self._lock:
            self._open -= 1
            call.ended = time.monotonic()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Many clients may knock at the same moment.
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """A client that is gone is no error here."""


def _handler(model: ScriptedModel) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """The list of models, by which `argus doctor` sees that somebody is there."""
            self._send(200, {}, json.dumps({"object": "list", "data": [{"id": "m"}]}).encode())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            call, say = model.take(body, self.headers["Authorization"])
            try:
                self._answer(call, say)
            except OSError:
                self.close_connection = True
            finally:
                # A client that was answered is ready for its next call before this thread is.
                if call.ended is None:
                    model.leave(call)

        def _answer(self, call: Call, say: Say) -> None:
            until = time.monotonic() + say.after_s
            while say.hang or time.monotonic() < until:
                if model.stopping or self._gone():
                    self.close_connection = True
                    return
                time.sleep(0.002)
            if say.status != 200:
                error = {"error": {"message": say.text or "no", "type": "scripted"}}
                model.leave(call)
                self._send(say.status, say.headers, json.dumps(error).encode())
                return
            prompt, written = token_estimate(call.prompt), token_estimate(say.text)
            call.tokens, call.answered = prompt + written, True
            usage = {
                "prompt_tokens": prompt,
                "completion_tokens": written,
                "total_tokens": prompt + written,
            }
            told = usage if say.usage else None
            if say.raw is None and call.body.get("stream"):
                self._stream(call, say, told)
                return
            message = {"role": "assistant", "content": say.text, "refusal": None}
            plain = _completion("chat.completion", told) | {
                "choices": [{"index": 0, "message": message, "finish_reason": say.finish}]
            }
            if not say.pause_s:
                model.leave(call)
            self._send(200, say.headers, say.raw or json.dumps(plain).encode(), say.pause_s)

        def _stream(self, call: Call, say: Say, usage: dict[str, int] | None) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            step = -(-len(say.text) // say.pieces) or 1
            pieces = [say.text[n : n + step] for n in range(0, len(say.text), step)]
            for number, piece in enumerate(pieces):
                delta = {"content": piece} | ({"role": "assistant"} if number == 0 else {})
                self._event([{"index": 0, "delta": delta, "finish_reason": None}], None)
                time.sleep(say.pause_s)
            self._event([{"index": 0, "delta": {}, "finish_reason": say.finish}], None)
            if usage and (call.body.get("stream_options") or {}).get("include_usage"):
                self._event([], usage)
            model.leave(call)
            self.wfile.write(b"data: [DONE]\n\n")
            self.close_connection = True

        def _event(self, choices: list[dict[str, Any]], usage: dict[str, int] | None) -> None:
            event = _completion("chat.completion.chunk", usage) | {"choices": choices}
            self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")
            self.wfile.flush()

        def _send(
            self, status: int, headers: dict[str, str], content: bytes, pause_s: float = 0.0
        ) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if not pause_s:
                self.wfile.write(content)
                return
            for number in range(len(content)):
                self.wfile.write(content[number : number + 1])
                time.sleep(pause_s)

        def _gone(self) -> bool:
            ready, _, _ = select.select([self.connection], [], [], 0)
            if not ready:
                return False
            try:
                return self.connection.recv(1, socket.MSG_PEEK) == b""
            except OSError:
                return True

        def log_message(self, *_: object) -> None:
            return

    return Handler


def _completion(kind: str, usage: dict[str, int] | None) -> dict[str, Any]:
    made = {"id": "scripted", "object": kind, "created": 0, "model": "scripted"}
    return {**made, "usage": usage}
