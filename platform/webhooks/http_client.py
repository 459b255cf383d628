"""HTTP client of webhooks: concurrent requests, each with a hard timeout of ten seconds.

No redirects, proxies, cookies or compression. Only the status decides about success; a receiver whose body is slow,
endless or malformed after that has still responded, and only the first bytes are read.
"""

import asyncio
import contextlib
import functools
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import NamedTuple, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from core.foreign_values import clean_line
from core.outgoing_addresses import AddressNotAllowed
from webhooks import leases
from webhooks.leases import AttemptResult
from webhooks.url_policy import create_socket

#: Concurrent requests to one endpoint.
MAX_CONCURRENT_REQUESTS = 16
#: Timeout in seconds of DNS lookup, connection, request and response headers together.
REQUEST_TIMEOUT = 10.0
#: Timeout in seconds for the beginning of the body, after the status.
BODY_TIMEOUT = 2.0
#: Characters of a response body that are stored, and bytes that are read for them.
MAX_BODY_LENGTH = 500
_MAX_BODY_BYTES = 2048

#: The first match applies.
_FAILURE_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (TimeoutError, leases.TIMED_OUT),
    (aiohttp.ClientConnectorCertificateError, leases.BAD_CERTIFICATE),
    (aiohttp.ClientConnectorDNSError, leases.HOST_UNREACHABLE),
    (aiohttp.ClientConnectorSSLError, leases.TLS_FAILED),
    (aiohttp.ClientConnectorError, leases.CONNECTION_REFUSED),
    (aiohttp.InvalidURL, leases.INVALID_URL),
    (aiohttp.ClientResponseError, leases.NOT_HTTP),
)

#: Threads of a sender for DNS lookups. The system's lookup cannot be interrupted, so nobody waits for its thread; each
#: sender has its own, or names that are slow to resolve would keep the receivers of other offices waiting.
_DNS_THREADS = 8
_CLOSE_TIMEOUT = 5.0


class WebhookRequest(NamedTuple):
    """One HTTP request."""

    url: str
    headers: Mapping[str, str]
    body: bytes


class WebhookSender:
    """Keeps connections open between calls. Sends in a thread of its own, so that its user can do other work."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._resolver = _SystemResolver()
        self._thread = threading.Thread(target=self._loop.run_forever, name="webhooks", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._session = asyncio.run_coroutine_threadsafe(_session(self._resolver), self._loop).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            closing = _close(self._session, self._resolver)
            asyncio.run_coroutine_threadsafe(closing, self._loop).result(_CLOSE_TIMEOUT)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def submit(self, requests: Sequence[WebhookRequest]) -> Future[list[AttemptResult]]:
        """Send the requests concurrently; the future has their results in order."""
        return asyncio.run_coroutine_threadsafe(_send_all(self._session, requests), self._loop)


async def _close(session: aiohttp.ClientSession, resolver: AbstractResolver) -> None:
    """Abandon what is being sent, and close the connections."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await session.close()
    await resolver.close()


async def _session(resolver: AbstractResolver) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(
        # Rounds are bounded: `MAX_CONCURRENT_REQUESTS` an endpoint.
        limit=0,
        resolver=resolver,
        use_dns_cache=False,
        socket_factory=create_socket,
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT),
        headers={
            "Content-Type": "application/json",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "User-Agent": "Peps-Webhooks/1",
        },
        auto_decompress=False,
        trust_env=False,
        read_bufsize=_MAX_BODY_BYTES,
    )


async def _send_all(session: aiohttp.ClientSession, requests: Sequence[WebhookRequest]) -> list[AttemptResult]:
    return await asyncio.gather(*(_send_one(session, request) for request in requests))


async def _send_one(session: aiohttp.ClientSession, request: WebhookRequest) -> AttemptResult:
    started = time.monotonic()
    status: int | None = None
    reason, answer = "", b""
    try:
        async with asyncio.timeout(REQUEST_TIMEOUT):
            response = await session.post(
                request.url, data=request.body, headers=request.headers, allow_redirects=False
            )
        status = response.status
        reason = leases.explain_status(status)
        answer = await _read_beginning(response)
    except (TimeoutError, OSError, aiohttp.ClientError, ValueError) as failure:
        reason = _explain_failure(failure)
    # How long a lookup takes also tells a name that exists from one that does not.
    duration = 0 if reason == leases.HOST_UNREACHABLE else int((time.monotonic() - started) * 1000)
    return AttemptResult(status, reason, clean_line(answer.decode("utf-8", "replace"), MAX_BODY_LENGTH), duration)


async def _read_beginning(response: aiohttp.ClientResponse) -> bytes:
    """Return the beginning of the body, ignoring errors; reuse the connection if the body ended."""
    content = b""
    # The status is known: an error in the body does not change the result.
    with contextlib.suppress(TimeoutError, OSError, aiohttp.ClientError, ValueError):
        async with asyncio.timeout(BODY_TIMEOUT):
            while len(content) < _MAX_BODY_BYTES and (
                chunk := await response.content.read(_MAX_BODY_BYTES - len(content))
            ):
                content += chunk
    if response.content.is_eof():
        response.release()
    else:
        response.close()
    return content


def _explain_failure(failure: Exception) -> str:
    """Explain in French why there was no response."""
    if isinstance(failure, aiohttp.ClientConnectorError) and isinstance(failure.os_error, AddressNotAllowed):
        return leases.HOST_UNREACHABLE
    return next((reason for kind, reason in _FAILURE_REASONS if isinstance(failure, kind)), leases.CONNECTION_LOST)


class _SystemResolver(AbstractResolver):
    """Resolves host names with the system's resolver."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_DNS_THREADS, thread_name_prefix="webhooks-names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the IP addresses of a host name. Raises `OSError`."""
        look_up = functools.partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, look_up)
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Leave the threads to end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)
