"""The fake Stripe's HTTP server."""

import json
import re
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.payments.card.fake_stripe import FakeStripe, FakeStripeError


def parse_nested(pairs: list[tuple[str, str]]) -> dict:
    """Parse « a[b][0]=c » into nested dictionaries."""
    read: dict = {}
    for name, value in pairs:
        first, *more = re.findall(r"[^\[\]]+", name)
        here, steps = read, [first, *more]
        for step in steps[:-1]:
            here = here.setdefault(step, {})
        here[steps[-1]] = value
    return read


class _StripeHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake_stripe: FakeStripe

    def do_GET(self):
        address = urllib.parse.urlsplit(self.path)
        if address.path.startswith("/c/pay/"):
            self._send(200, self.fake_stripe.page("GET", address.path.rpartition("/")[2], "")[1].encode(), "text/html")
        else:
            self._api("GET", address.path, parse_nested(urllib.parse.parse_qsl(address.query)))

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        pairs = urllib.parse.parse_qsl(body, keep_blank_values=True)
        if self.path.startswith("/c/pay/"):
            to, _ = self.fake_stripe.page("POST", self.path.rpartition("/")[2], dict(pairs).get("answer", ""))
            self._send(303, b"", "text/html", Location=to)
        else:
            self._api("POST", self.path, parse_nested(pairs))

    def _api(self, method: str, path: str, parameters: dict):
        try:
            status, answer = 200, self.fake_stripe.answer(method, path, parameters, self.headers)
        except FakeStripeError as refusal:
            status, answer = refusal.status, refusal.body
        self._send(status, json.dumps(answer).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str, **headers: str):
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class FakeStripeServer:
    """Serve a fake Stripe on a local port within a `with` block."""

    def __enter__(self) -> FakeStripe:
        self.fake_stripe = FakeStripe()
        handler = type("Handler", (_StripeHandler,), {"fake_stripe": self.fake_stripe})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.fake_stripe.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self.fake_stripe

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
