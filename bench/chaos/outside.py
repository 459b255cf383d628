"""A mail server and a receiver of webhooks that misbehave, each in its own way every few seconds."""

import contextlib
import http.server
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator

from tests.smtp_sink import RecordingSink, SinkBehaviour

#: Seconds between two changes of behaviour.
_CHANGE_S = 3.0


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """Receive an event, and answer well or badly."""
        receiver = self.server
        assert isinstance(receiver, MisbehavingReceiver)  # noqa: S101 - who made us
        self.rfile.read(int(self.headers["Content-Length"]))
        mood = receiver.draw_mood()
        if mood != "fail":
            receiver.accepted[self.headers["webhook-id"]] += 1
        if mood in ("cut", "hang"):
            # Taken, and the connection cut before the answer; or the answer comes after nobody waits for it.
            receiver.unanswered[self.headers["webhook-id"]] += 1
            time.sleep(12 if mood == "hang" else 0)
            self.close_connection = True
            return
        with contextlib.suppress(OSError):
            self.send_response(500 if mood == "fail" else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


class MisbehavingReceiver(http.server.ThreadingHTTPServer):
    """Receives webhooks; counts how often it accepted each event, and how often it did so without an answer."""

    daemon_threads = True
    #: A drain opens sixteen connections at once; with the usual five some wait a second for their next attempt.
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.accepted: Counter[str] = Counter()
        self.unanswered: Counter[str] = Counter()
        self.behaves = True

    @property
    def url(self) -> str:
        """The address."""
        return f"http://127.0.0.1:{self.server_address[1]}/"

    def draw_mood(self) -> str:
        """Return how to treat the next request."""
        if self.behaves:
            return "answer"
        return random.choices(("answer", "fail", "cut", "hang"), (90, 6, 3, 1))[0]  # noqa: S311 - a draw


class Outside:
    """Both, and the thread that changes the mail server's behaviour."""

    def __init__(self, sink: RecordingSink, receiver: MisbehavingReceiver) -> None:
        self.sink = sink
        self.receiver = receiver
        self._over = threading.Event()

    def misbehave(self) -> None:
        """Change the mail server's behaviour until `behave`."""
        rng = random.Random()  # noqa: S311 - a draw, not a secret
        while not self._over.wait(_CHANGE_S):
            self.sink.behaviour = rng.choice(
                (
                    SinkBehaviour(),
                    SinkBehaviour(content="451 4.7.1 Greylisted"),
                    SinkBehaviour(sender="421 4.3.2 Busy"),
                    SinkBehaviour(delay=0.5),
                    SinkBehaviour(messages_per_connection=2),
                    SinkBehaviour(drop_after=self.sink.accepted + 2, stores_dropped=True),
                )
            )
        self.sink.behaviour = SinkBehaviour()

    def behave(self) -> None:
        """End all misbehaviour."""
        self._over.set()
        self.receiver.behaves = True


@contextlib.contextmanager
def misbehaving() -> Iterator[Outside]:
    """Run both for the block, well-behaved until `misbehave` runs."""
    with RecordingSink() as sink, MisbehavingReceiver() as receiver:
        serving = threading.Thread(target=receiver.serve_forever, args=(0.1,), daemon=True)
        serving.start()
        try:
            yield Outside(sink, receiver)
        finally:
            receiver.shutdown()
