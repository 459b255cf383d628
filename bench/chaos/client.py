"""An HTTP client that loses connections without losing count: one request, one status or none."""

import contextlib
import http
import http.client
import json
import ssl
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from bench.chaos.ledger import Answer, Ledger

#: Seconds until a request counts as unanswered.
_TIMEOUT_S = 30
_SERVER_ERRORS = 500
_CSRF = "c" * 32


@dataclass(frozen=True, slots=True)
class ClientResponse:
    """A response; status 0 where the connection broke before one came."""

    status: int
    body: str

    def json(self) -> dict[str, Any]:
        """Return the parsed body."""
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed

    @property
    def answer(self) -> Answer:
        """What it says of the request."""
        if self.status in (200, 201, 202, 302):
            return Answer.DONE
        # What a proxy says of a web process that ended before its answer; the site itself says neither.
        is_lost = self.status in (0, http.HTTPStatus.BAD_GATEWAY, http.HTTPStatus.GATEWAY_TIMEOUT)
        if is_lost or (self.status >= _SERVER_ERRORS and "peut-être" in self.body):
            return Answer.UNKNOWN
        return Answer.REFUSED


@dataclass(frozen=True, slots=True)
class Web:
    """The web server, as a client reaches it at one host; through a proxy that ends TLS where `tls` is given."""

    port: int
    host: str
    ledger: Ledger
    tls: ssl.SSLContext | None = None

    def request(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> ClientResponse:
        """Send one request on a connection of its own; status 0 where no complete response came."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_TIMEOUT_S)
        start = time.perf_counter()
        with contextlib.closing(link):
            try:
                if self.tls is not None:
                    link.connect()
                    # By its name, as the certificate has it.
                    link.sock = self.tls.wrap_socket(link.sock, server_hostname=self.host)
                link.request(method, path, body, {"Host": self.host, **headers})
                response = link.getresponse()
                answer = ClientResponse(response.status, response.read().decode())
            except (OSError, http.client.HTTPException):
                answer = ClientResponse(0, "")
        self.ledger.count(str(answer.status), time.perf_counter() - start)
        if answer.status == _SERVER_ERRORS:
            self.ledger.complain(f"500 for {method} {path}: {answer.body[-300:]!r}")
        if answer.answer == Answer.UNKNOWN:
            time.sleep(0.1)
        return answer

    def send_form(self, path: str, session: Mapping[str, str], **fields: str) -> ClientResponse:
        """Post a form as a signed-in person."""
        body = "&".join(f"{name}={value}" for name, value in fields.items())
        cookies = {**session, settings.CSRF_COOKIE_NAME: _CSRF}
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            "X-CSRFToken": _CSRF,
            "Origin": f"{'http' if self.tls is None else 'https'}://{self.host}",
        }
        return self.request("POST", path, body.encode(), headers)


@dataclass(frozen=True, slots=True)
class Api:
    """The API of the office: requests with its token."""

    web: Web
    token: str

    def get(self, path: str) -> ClientResponse:
        """Read."""
        return self.web.request("GET", f"/api/v1{path}", b"", self._headers())

    def post(self, path: str, body: Mapping[str, Any], key: str | None = None) -> ClientResponse:
        """Write, once."""
        headers = self._headers(key) | {"Content-Type": "application/json"}
        return self.web.request("POST", f"/api/v1{path}", json.dumps(body).encode(), headers)

    def upload(self, fields: Mapping[str, str], content: str, key: str) -> ClientResponse:
        """Upload a spreadsheet, once."""
        boundary = uuid.uuid4().hex
        parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}' for name, value in fields.items()]
        parts.append(f'Content-Disposition: form-data; name="file"; filename="ecoles.csv"\r\n\r\n{content}')
        body = "".join(f"--{boundary}\r\n{part}\r\n" for part in parts) + f"--{boundary}--\r\n"
        headers = self._headers(key) | {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        return self.web.request("POST", "/api/v1/imports", body.encode(), headers)

    def _headers(self, key: str | None = None) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self.token}"}
        return headers | ({"Idempotency-Key": key} if key else {})
