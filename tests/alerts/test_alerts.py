"""Alerts over a real store and a real HTTP server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from argus_pipeline.alerts import outbox
from argus_pipeline.alerts.alert import Alert, Event, Kind
from argus_pipeline.alerts.webhook import Webhook, read_webhook, send, signature
from argus_pipeline.errors import ArgusError, Unavailable

GIVEN_UP = Alert(Event(Kind.BATCH_GIVEN_UP, "b1", "2026-11-20"), "b1 was given up", "no reason")
HELD = Alert(Event(Kind.CAMPAIGN_ON_HOLD, "../q4"), "hold the campaign ../q4")


def tell(store, alerts, send):
    return outbox.tell(store, {alert.event: partial(_say, alert) for alert in alerts}, send)


def _say(alert: Alert) -> Alert:
    return alert


class Receiver:
    """A webhook that keeps what it gets, and answers with `status`."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 204
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((dict(self.headers), body))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.webhook = Webhook(f"http://127.0.0.1:{self.server.server_port}/", "s3cret")
        self.send = partial(send, self.webhook)

    @property
    def bodies(self) -> list[dict[str, object]]:
        return [json.loads(body) for _, body in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_an_alert_says_what_happened_and_is_signed(object_store, receiver) -> None:
    tell(object_store, [GIVEN_UP], receiver.send)
    [(headers, body)] = receiver.got
    assert json.loads(body) == {
        "schema": 1,
        "id": headers["X-Argus-Id"],
        "at": json.loads(body)["at"],
        "kind": "batch_given_up",
        "subject": "b1",
        "title": "b1 was given up",
        "text": "no reason",
        "link": None,
        "data": {},
    }
    expected = signature("s3cret", headers["X-Argus-Timestamp"], body)
    assert headers["X-Argus-Signature"] == expected
    assert signature("another", headers["X-Argus-Timestamp"], body) != expected


def test_nothing_is_told_twice_while_it_lasts_and_again_when_it_comes_back(
    object_store, receiver
) -> None:
    for _ in range(3):
        tell(object_store, [GIVEN_UP, HELD], receiver.send)
    assert sorted(str(body["subject"]) for body in receiver.bodies) == ["../q4", "b1"]
    tell(object_store, [GIVEN_UP], receiver.send)
    tell(object_store, [GIVEN_UP, HELD], receiver.send)
    held = [body for body in receiver.bodies if body["subject"] == "../q4"]
    assert len(held) == 2
    assert held[0]["id"] != held[1]["id"]


def test_what_could_not_be_sent_is_sent_later_under_the_same_id(object_store, receiver) -> None:
    receiver.status = 503
    found = tell(object_store, [GIVEN_UP, HELD], receiver.send)
    assert [reason for _, reason in found.waiting] == ["the webhook answered 503"] * 2
    receiver.status = 200
    assert len(tell(object_store, [GIVEN_UP, HELD], receiver.send).told) == 2
    ids = {str(body["subject"]): set() for body in receiver.bodies}
    for body in receiver.bodies:
        ids[str(body["subject"])].add(body["id"])
    assert all(len(each) == 1 for each in ids.values())
    assert len(receiver.got) == 4


def test_an_alert_whose_sender_was_killed_before_it_could_say_so_is_sent_again(
    object_store, receiver
) -> None:
    def killed(identity: str, body: bytes) -> None:
        receiver.send(identity, body)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tell(object_store, [GIVEN_UP], killed)
    tell(object_store, [GIVEN_UP], receiver.send)
    first, second = receiver.bodies
    assert first["id"] == second["id"]


def test_what_was_told_is_not_asked_for_again(object_store) -> None:
    asked = []

    def describe() -> Alert:
        asked.append(1)
        return GIVEN_UP

    for _ in range(3):
        outbox.tell(object_store, {GIVEN_UP.event: describe}, None)
    assert len(asked) == 1


def test_an_event_that_is_over_before_it_can_be_described_is_told_to_nobody(object_store) -> None:
    found = outbox.tell(object_store, {GIVEN_UP.event: lambda: None}, None)
    assert (found.told, found.waiting) == ((), ())


def test_a_receiver_that_is_away_is_named_without_its_address(object_store) -> None:
    gone = partial(send, Webhook("http://127.0.0.1:9/?token=hidden", "s"))
    found = tell(object_store, [GIVEN_UP], gone)
    assert [reason for _, reason in found.waiting] == ["the webhook does not answer: ConnectError"]


def test_without_a_webhook_the_log_tells_it_once(object_store) -> None:
    assert tell(object_store, [GIVEN_UP], None).told == (GIVEN_UP,)
    assert tell(object_store, [GIVEN_UP], None).told == ()


def test_an_address_needs_a_secret_and_the_secret_is_never_shown() -> None:
    assert read_webhook({}) is None
    with pytest.raises(ArgusError, match="ARGUS_ALERT_SECRET: is not set"):
        read_webhook({"ARGUS_ALERT_URL": "https://example.org"})
    with pytest.raises(ArgusError, match="ARGUS_ALERT_URL: is no address"):
        read_webhook({"ARGUS_ALERT_URL": "ftp://example.org", "ARGUS_ALERT_SECRET": "x"})
    webhook = read_webhook({"ARGUS_ALERT_URL": "https://e.org", "ARGUS_ALERT_SECRET": "hush"})
    assert "hush" not in repr(webhook)


def test_an_error_of_the_receiver_is_no_success(receiver) -> None:
    receiver.status = 302
    with pytest.raises(Unavailable, match="302"):
        receiver.send("id", b"{}")


def test_a_receiver_that_hangs_makes_no_long_look_and_holds_up_nothing_new(object_store) -> None:
    alerts = [Alert(Event(Kind.RUN_FAILED, f"r{n}"), f"run {n}", "why") for n in range(6)]
    now, sent = [0.0], []

    def look(send) -> outbox.Told:
        happened = {alert.event: partial(_say, alert) for alert in alerts}
        return outbox.tell(object_store, happened, send, clock=lambda: now[0])

    def hangs(identity: str, body: bytes) -> None:
        now[0] += 2.0
        raise Unavailable("the webhook does not answer")

    first = look(hangs)
    assert (len(first.told), len(first.waiting), first.later) == (0, 2, 4)
    second = look(lambda identity, body: sent.append(json.loads(body)["title"]))
    assert len(second.told) == 6
    assert set(sent[-2:]) == {alert.title for alert, _ in first.waiting}, "the untried ones first"
