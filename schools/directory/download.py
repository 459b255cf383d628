"""Download a file of open data: within a size and a time, wholly or not at all, from public addresses only."""

from __future__ import annotations

import asyncio
import functools
import hashlib
from typing import IO, NamedTuple
from urllib.parse import urljoin, urlsplit

import aiohttp
from django.conf import settings

from core import outgoing_addresses
from schools.exceptions import DownloadFailed

#: The national file has 45 MB.
MAX_BYTES = 200 * 1024 * 1024
#: Seconds of the whole download, redirections included, and of a silence in it.
TOTAL_TIMEOUT, SILENCE_TIMEOUT = 600.0, 60.0
_MAX_REDIRECTS = 5
_CHUNK_BYTES = 256 * 1024
_REDIRECTIONS = {301, 302, 303, 307, 308}
_OK, _NOT_MODIFIED = 200, 304
#: Longer values of a server are not asked for again.
_MAX_ETAG, _MAX_DATE = 255, 40


class DownloadedFile(NamedTuple):
    """What was written, and what its server said of it, to be asked for again; empty where it said nothing."""

    sha256: str
    etag: str
    last_modified: str


def check_url(url: str) -> None:
    """Check that the URL may be downloaded: https, or http outside of production. Raises `DownloadFailed`."""
    try:
        parts = urlsplit(url)
        is_complete = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_complete = False
    if not is_complete or parts.scheme not in ("http", "https") or parts.username is not None:
        raise DownloadFailed("Cette adresse n'est pas celle d'un fichier à télécharger : écrivez https://…")
    if parts.scheme == "http" and settings.PRODUCTION:
        raise DownloadFailed(
            "Le fichier ne se télécharge qu'à une adresse en https : en clair, il pourrait être changé."
        )


def download(url: str, target: IO[bytes], *, etag: str = "", last_modified: str = "") -> DownloadedFile | None:
    """Write the file to `target`; None where the server says that it is still the one of `etag` or `last_modified`.

    Raises `DownloadFailed`. Redirections are followed, to addresses that are checked in the same way.
    """
    known = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    try:
        return asyncio.run(_download(url, target, {name: value for name, value in known.items() if value}))
    except TimeoutError as error:
        raise DownloadFailed("Le téléchargement dure trop longtemps : il a été arrêté.") from error
    except aiohttp.ClientPayloadError as error:
        raise DownloadFailed("Le téléchargement s'est arrêté avant la fin du fichier.") from error
    except aiohttp.ClientSSLError as error:
        raise DownloadFailed("Le site n'a pas de certificat valable.") from error
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, outgoing_addresses.AddressNotAllowed):
            raise DownloadFailed(outgoing_addresses.PRIVATE_NETWORK) from error
        raise DownloadFailed("Le site ne peut pas être joint.") from error
    except (aiohttp.ClientError, ValueError) as error:
        raise DownloadFailed("Le site a répondu autre chose que du HTTP, ou s'est tu.") from error


async def _download(url: str, target: IO[bytes], known: dict[str, str]) -> DownloadedFile | None:
    """As `download`. `known`: the headers by which the server knows that it has nothing new."""
    headers = {"Accept-Encoding": "identity", "User-Agent": "Peps-Directory/1", **known}
    socket_factory = functools.partial(
        outgoing_addresses.create_socket, private_networks=settings.DIRECTORY_PRIVATE_NETWORKS
    )
    async with (
        asyncio.timeout(TOTAL_TIMEOUT),
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(socket_factory=socket_factory),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=SILENCE_TIMEOUT, sock_read=SILENCE_TIMEOUT),
            auto_decompress=False,
            trust_env=False,
        ) as session,
    ):
        for _ in range(_MAX_REDIRECTS + 1):
            check_url(url)
            async with session.get(url, headers=headers, allow_redirects=False) as response:
                if response.status not in _REDIRECTIONS:
                    if response.status == _NOT_MODIFIED and known:
                        return None
                    return await _read(response, target)
                url = urljoin(url, response.headers.get("Location", ""))
    raise DownloadFailed(f"Le site renvoie d'une adresse à l'autre plus de {_MAX_REDIRECTS} fois.")


async def _read(response: aiohttp.ClientResponse, target: IO[bytes]) -> DownloadedFile:
    if response.status != _OK:
        raise DownloadFailed(f"Le site répond par une erreur ({response.status}).")
    if response.content_type == "text/html":
        raise DownloadFailed("Le site répond par une page web, non par un fichier.")
    digest, size = hashlib.sha256(), 0
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        size += len(chunk)
        if size > MAX_BYTES:
            raise DownloadFailed(f"Le fichier dépasse {MAX_BYTES // 1024 // 1024} Mo.")
        digest.update(chunk)
        target.write(chunk)
    target.flush()
    etag, last_modified = response.headers.get("ETag", ""), response.headers.get("Last-Modified", "")
    return DownloadedFile(
        digest.hexdigest(),
        etag if len(etag) <= _MAX_ETAG else "",
        last_modified if len(last_modified) <= _MAX_DATE else "",
    )
