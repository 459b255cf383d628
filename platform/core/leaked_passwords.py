"""Passwords of known leaks: looked up in a file on this machine, or at a service that learns five digits of a hash.

Neither a password nor any digit of its hash is logged.
"""

import hashlib
import logging
import re
from bisect import bisect_left
from pathlib import Path
from typing import BinaryIO

from django.views.decorators.debug import sensitive_variables

logger = logging.getLogger(__name__)

#: Seconds to connect, and between two pieces of the answer. Somebody waits for the page.
TIMEOUT_SECONDS = 2.0
#: Digits of the hash that the service is sent: some thousand leaked passwords share them.
_PREFIX_LENGTH = 5
_HASH_LENGTH = 40
_HASH = re.compile(rb"[0-9A-F]{40}")
#: Of a hash and how often it was seen; what is longer is no line of such a file.
_MAX_LINE_BYTES = 100
#: Places in which a file is read to see whether it is sorted: under a second of a disk that seeks.
_SAMPLES = 64
#: Greater than every hash.
_AFTER_ALL = b"~"


class UnusableFile(Exception):
    """A file that is no sorted list of SHA-1 hashes; its text says why."""


@sensitive_variables()
def is_in_file(path: Path, password: str) -> bool:
    """Return whether the sorted file has the hash of the password; False where it cannot be read, which is logged."""
    digest = _hash(password).encode()
    try:
        with path.open("rb") as file:
            # Some 36 lines are read of the 900 million that are known: 0.3 ms where the disk remembers them.
            offsets = range(_measure(file))
            offset = bisect_left(offsets, digest, key=lambda offset: _read_hash(file, offset))
            return _read_hash(file, offset) == digest
    except OSError as error:
        logger.error("PASSWORD_LEAKS_FILE cannot be read, new passwords are not compared: %s", type(error).__name__)  # noqa: TRY400
        return False


@sensitive_variables()
def is_known_to_service(url: str, password: str) -> bool:
    """Return whether the service lists the hash of the password; False where it does not answer, which is logged.

    `url`: of its ranges, as `https://api.pwnedpasswords.com/range/`.
    """
    import requests  # noqa: PLC0415 - the settings import this module

    digest = _hash(password)
    prefix, suffix = digest[:_PREFIX_LENGTH], digest[_PREFIX_LENGTH:]
    try:
        # Padded, so that the size of the answer tells nobody which it is.
        answer = requests.get(
            url + prefix, headers={"Add-Padding": "true"}, timeout=TIMEOUT_SECONDS, allow_redirects=False
        )
    except requests.RequestException as error:
        # Its text names the address, and with it the digits.
        logger.warning("PASSWORD_LEAKS_URL does not answer: %s", type(error).__name__)
        return False
    if answer.status_code != requests.codes.ok:
        logger.warning("PASSWORD_LEAKS_URL answers %s", answer.status_code)
        return False
    counts = (line.partition(":") for line in answer.text.splitlines())
    # Padding is counted nought times.
    return any(listed == suffix and count.strip() != "0" for listed, _, count in counts)


def check_file(path: Path) -> None:
    """Read the file in 64 places. Raises `UnusableFile` where it is no list of hashes, or is not sorted by them."""
    try:
        with path.open("rb") as file:
            size = _measure(file)
            hashes = [_read_hash(file, size * place // _SAMPLES) for place in range(_SAMPLES)]
    except OSError as error:
        raise UnusableFile(f"it cannot be read ({error.strerror})") from None
    while hashes and hashes[-1] == _AFTER_ALL:
        hashes.pop()
    if not hashes or not all(_HASH.fullmatch(one) for one in hashes):
        raise UnusableFile("its lines must begin with a SHA-1 hash, 40 hexadecimal digits")
    if hashes != sorted(hashes):
        raise UnusableFile("its lines must be sorted by their hash")


def _hash(password: str) -> str:
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


def _measure(file: BinaryIO) -> int:
    return file.seek(0, 2)


def _read_hash(file: BinaryIO, offset: int) -> bytes:
    """Return the hash of the first line that begins after this byte; at 0, of the first line."""
    file.seek(offset)
    if offset:
        file.readline(_MAX_LINE_BYTES)
    return file.readline(_MAX_LINE_BYTES)[:_HASH_LENGTH].upper() or _AFTER_ALL
