"""Requests to receivers, several at once. None can hold a worker: whatever it does, ten seconds later it is over.

Redirections are not followed, nor proxies, cookies or compression; of an answer some bytes are read, and the status
decides. A receiver that answers and then drips, lies about lengths or never ends has answered all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from webhooks import addresses, answers
from webhooks.answers import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

#: Sent at the same time to one endpoint.
AT_ONCE = 16
#: Seconds for the whole of a try: name, connection, request, the answer's headers.
DEADLINE = 10.0
#: Seconds for the beginning of its content, once the status has been told.
CONTENT_DEADLINE = 2.0
_READ = 2048

#: The first that fits.
_MEANINGS: tuple[tuple[type[Exception], str], ...] = (
    (TimeoutError, answers.TIMED_OUT),
    (aiohttp.ClientConnectorCertificateError, answers.BAD_CERTIFICATE),
    (aiohttp.ClientConnectorDNSError, answers.NO_NAME),
    (aiohttp.ClientConnectorSSLError, answers.NO_TLS),
    (aiohttp.ClientConnectorError, answers.NO_SERVER),
    (aiohttp.InvalidURL, answers.NO_ADDRESS),
    (aiohttp.ClientResponseError, answers.NOT_HTTP),
)

#: Names are looked up by the system, which nobody can interrupt: in threads that no task waits for.
_lookups = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhooks-names")


class Outgoing(NamedTuple):
    """One request."""

    url: str
    headers: Mapping[str, str]
    body: bytes


class Sender:
    """Keeps its connections from one call to the next. Not shared between threads, nor used where a loop runs."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        self._session = self._runner.run(_session())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._runner.run(self._session.close())
        finally:
            self._runner.close()

    def send(self, requests: Sequence[Outgoing]) -> list[Outcome]:
        """Send all of these at once, and return what became of each, in order."""
        return self._runner.run(_all(self._session, requests))


async def _session() -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(
        limit=AT_ONCE, resolver=_Names(), use_dns_cache=False, socket_factory=addresses.socket_for
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=DEADLINE),
        headers={
            "Content-Type": "application/json",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "User-Agent": "Peps-Webhooks/1",
        },
        auto_decompress=False,
        trust_env=False,
        read_bufsize=_READ,
    )


async def _all(session: aiohttp.ClientSession, requests: Sequence[Outgoing]) -> list[Outcome]:
    return await asyncio.gather(*(_one(session, request) for request in requests))


async def _one(session: aiohttp.ClientSession, request: Outgoing) -> Outcome:
    began = time.monotonic()
    status: int | None = None
    reason, answer = "", b""
    try:
        async with asyncio.timeout(DEADLINE):
            response = await session.post(
                request.url, data=request.body, headers=request.headers, allow_redirects=False
            )
        status = response.status
        reason = answers.explain(status)
        answer = await _beginning(response)
    except (TimeoutError, OSError, aiohttp.ClientError, ValueError) as failure:
        reason = _told(failure)
    return Outcome(status, reason, answers.harmless(answer), int((time.monotonic() - began) * 1000))


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """Return how the content begins, whatever happens to it; the connection serves again where it ended well."""
    content = b""
    # The status was told: what is wrong with the rest changes nothing.
    with contextlib.suppress(TimeoutError, OSError, aiohttp.ClientError, ValueError):
        async with asyncio.timeout(CONTENT_DEADLINE):
            while len(content) < _READ and (piece := await response.content.read(_READ - len(content))):
                content += piece
    if response.content.is_eof():
        response.release()
    else:
        response.close()
    return content


def _told(failure: Exception) -> str:
    """Return why nothing was answered."""
    if isinstance(failure, aiohttp.ClientConnectorError) and isinstance(failure.os_error, addresses.NotAllowed):
        return addresses.PRIVATE
    return next((said for kind, said in _MEANINGS if isinstance(failure, kind)), answers.BROKEN)


class _Names(AbstractResolver):
    """The system's own look-up."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a name. Raises `OSError`."""
        look_up = functools.partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(_lookups, look_up)
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
        """Keep nothing open."""
