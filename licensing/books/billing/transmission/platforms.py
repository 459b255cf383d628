"""Platforms: their interface, its data types and exceptions, calls with a token, and those of `INVOICE_PLATFORMS`."""

import datetime
import functools
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

import requests
from django.conf import settings
from django.utils.module_loading import import_string

from core.exceptions import DomainError
from core.foreign_values import UnreadableJson, parse_json_object
from installation.hold import refuse_while_held
from licensing.books.billing.models import InvoiceRoute, PlatformState
from licensing.books.billing.transmission.cdar import CollectionStatement
from licensing.books.billing.transmission.models import Transmission, TransmissionState


class PlatformNotConfigured(DomainError):
    """No platform is configured for this route."""

    code = "platform_not_configured"


class PlatformSilent(DomainError):
    """The platform did not answer, or not as it should. What it did is unknown; ask again later."""

    code = "platform_unavailable"


class PlatformRefuses(DomainError):
    """The platform rejected the request, in its words. Asking again is useless; the operator must look at it."""

    code = "platform_rejected"


class NotSupported(DomainError):
    """The platform does not take this kind of message."""

    code = "platform_not_supported"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryEntry:
    """One state of an invoice on its platform."""

    state: PlatformState
    # In the platform's words; empty where it gives none.
    reason: str
    at: datetime.datetime
    # By what the platform knows it: recorded once. At most 120 characters.
    external_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformStory:
    """All that the platform tells of what was sent, in any order."""

    # What the platform decided of the file, not the payer's own decision on the invoice: sent, accepted or rejected.
    verdict: TransmissionState
    # Why it was rejected, or a remark; may be empty.
    message: str = ""
    entries: tuple[StoryEntry, ...] = ()


class InvoicePlatform(Protocol):
    """A platform. Its methods call it, outside any transaction, and change nothing in the database.

    They raise `PlatformSilent` where its answer is unknown, or `PlatformRefuses` where it said no.
    """

    def send(self, transmission: Transmission, pdf: bytes) -> str:
        """Send an invoice's Factur-X; return the platform's number of the deposit. Idempotent by its tracking id."""

    def fetch_story(self, transmission: Transmission) -> PlatformStory:
        """Fetch the whole story of what was sent."""

    def declare_collected(self, statement: CollectionStatement) -> str:
        """Tell the platform what was collected of an invoice that it took; return its number.

        Idempotent by the message's id. Raises `NotSupported`.
        """

    def report(self, tracking_id: str, content: dict[str, Any]) -> str:
        """Declare the sales or payments of a period to the tax authority (e-reporting); return the platform's number.

        `content`: as frozen when the report was made. Idempotent by the tracking id. Raises `NotSupported`.
        """


def is_configured(route: str | None) -> bool:
    """Return whether invoices of this route are sent from here."""
    return route in settings.INVOICE_PLATFORMS


def list_configured_routes() -> list[InvoiceRoute]:
    """Return the routes by which invoices are sent from here."""
    return [route for route in InvoiceRoute if is_configured(route)]


def get_platform(route: str) -> InvoicePlatform:
    """Return the platform of a route. Raises `PlatformNotConfigured`."""
    if not is_configured(route):
        raise PlatformNotConfigured(f"{InvoiceRoute(route).label} n'est pas configuré sur ce site.")
    return _load(*settings.INVOICE_PLATFORMS[route])


@functools.cache
def _load(path: str, account: object) -> InvoicePlatform:
    # One for the process: it keeps its access token until that expires.
    return cast("InvoicePlatform", import_string(path)(account))


# HTTP calls to a platform with an OAuth 2 token, which is kept until it expires.
#
# Neither errors nor logs hold a token, a secret, an address or an answer's body.

logger = logging.getLogger(__name__)
#: Seconds to connect, and to wait for an answer: a file of some megabytes is read at once.
TIMEOUTS = (10.0, 60.0)
#: A page of a hundred flows is some 100 KB.
MAX_ANSWER_BYTES = 16 * 1024 * 1024
#: A token is asked anew so many seconds before it expires; how long it lasts where its answer does not say.
_MARGIN, _DEFAULT_LIFETIME = 60, 300
_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _TOO_MANY, _UNPROCESSABLE, _SERVER_ERROR = 400, 401, 403, 429, 422, 500


class TokenHttp:
    """Calls to one platform. Shared by threads.

    `name`: of the platform, for the log. `grant`: arguments of the token's request besides its grant type: `auth`, or
    more `data`. `silent` and `not_admitted`: sentences for the operator, where the platform does not answer, and where
    it does not admit our account.
    """

    def __init__(
        self, *, name: str, token_url: str, grant: Mapping[str, Any], silent: str, not_admitted: str = ""
    ) -> None:
        self._name, self._token_url, self._grant = name, token_url, dict(grant)
        self._silent, self._not_admitted = silent, not_admitted or silent
        self._lock = threading.Lock()
        self._token, self._expires_at = "", 0.0

    def request(self, method: str, url: str, *, headers: Mapping[str, str], **arguments: Any) -> requests.Response:
        """Return the answer to a request, which may refuse it. Raises `PlatformSilent` where it says nothing of it.

        Raises `InstallationHeld` in a restored copy.
        """
        token = self._get_token()
        answer = self._send(method, url, headers=_authorize(headers, token), **arguments)
        if answer.status_code == _UNAUTHORIZED:
            # The token ended before its time.
            token = self._get_token(instead_of=token)
            answer = self._send(method, url, headers=_authorize(headers, token), **arguments)
        self._check_admitted(answer, _UNAUTHORIZED, _FORBIDDEN)
        if answer.status_code == _TOO_MANY or answer.status_code >= _SERVER_ERROR or answer.is_redirect:
            logger.warning("%s answers %s", self._name, answer.status_code)
            raise PlatformSilent(self._silent)
        return answer

    def read_object(self, answer: requests.Response) -> dict[str, Any]:
        """Return the JSON object of an answer. Raises `PlatformSilent` where it has none."""
        try:
            return parse_json_object(answer.content, max_bytes=MAX_ANSWER_BYTES, mends_texts=True)
        except UnreadableJson as error:
            logger.warning("%s answers %s without the JSON expected: %s", self._name, answer.status_code, error)
            raise PlatformSilent(self._silent) from None

    def _get_token(self, *, instead_of: str = "") -> str:
        with self._lock:
            if self._token and self._token != instead_of and time.monotonic() < self._expires_at:
                return self._token
            data = {"grant_type": "client_credentials", **self._grant.get("data", {})}
            answer = self._send("POST", self._token_url, **{**self._grant, "data": data})
            self._check_admitted(answer, _BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _UNPROCESSABLE)
            content = self.read_object(answer) if answer.ok else {}
            token = str(content.get("access_token") or "")
            if not token:
                logger.error("%s gives no token: %s", self._name, answer.status_code)
                raise PlatformSilent(self._silent)
            self._token = token
            self._expires_at = time.monotonic() + _read_lifetime(content) - _MARGIN
            return token

    def _check_admitted(self, answer: requests.Response, *refusals: int) -> None:
        if answer.status_code in refusals:
            logger.error("%s does not admit our account: %s", self._name, answer.status_code)
            raise PlatformSilent(self._not_admitted)

    def _send(self, method: str, url: str, **arguments: Any) -> requests.Response:
        refuse_while_held()
        try:
            # A redirect would carry the token elsewhere.
            return requests.request(method, url, timeout=TIMEOUTS, allow_redirects=False, **arguments)
        except requests.RequestException as failed:
            # Not chained: its text holds the address, and its request our headers.
            logger.warning("%s could not be reached: %s", self._name, type(failed).__name__)
            raise PlatformSilent(self._silent) from None


def _read_lifetime(content: Mapping[str, Any]) -> float:
    """Return for how many seconds a token lasts: some platforms write the number as a text."""
    try:
        return float(content.get("expires_in") or _DEFAULT_LIFETIME)
    except (TypeError, ValueError):
        return _DEFAULT_LIFETIME


def _authorize(headers: Mapping[str, str], token: str) -> dict[str, str]:
    return {**headers, "Authorization": f"Bearer {token}"}
