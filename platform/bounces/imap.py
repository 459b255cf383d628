"""The bounce mailbox over IMAP: list what is unread, fetch it, mark it as read.

Nothing is marked by reading (`BODY.PEEK`): the caller marks what it has dealt with, once that is committed.
"""

import contextlib
import imaplib
import re
import ssl
from collections.abc import Collection, Iterator, Sequence
from itertools import batched
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from django.conf import settings

#: Seconds for each answer of the server.
_TIMEOUT = 30.0
#: Mails of one command: servers limit the length of a line.
_PER_COMMAND = 200
_SIZE = re.compile(rb"UID (\d+)[^)]*RFC822\.SIZE (\d+)|RFC822\.SIZE (\d+)[^)]*UID (\d+)")
_UID = re.compile(rb"\bUID (\d+)")


class MailboxUnavailable(Exception):
    """The mailbox cannot be read now; the French message says why, without a password."""


class ListedMail(NamedTuple):
    uid: int
    size: int


class ImapMailbox:
    """A connection to the folder of the settings. Raises `MailboxUnavailable` when it opens, or later."""

    def __init__(self) -> None:
        self._connection: imaplib.IMAP4 | None = None
        #: The folder's generation: where it changes, the numbers of its mails mean others.
        self.uid_validity = 0

    def __enter__(self) -> Self:
        with _explain("La boîte des retours ne répond pas."):
            self._connection = _connect()
        try:
            with _explain("Le serveur de la boîte des retours refuse l'identifiant ou le mot de passe."):
                self._imap.login(_get_place().user, _read_password())
            with _explain(f"Le dossier « {_get_place().folder} » de la boîte des retours ne s'ouvre pas."):
                _check(self._imap.select(_quote(_get_place().folder)))
                [validity] = self._imap.response("UIDVALIDITY")[1]
                self.uid_validity = int(validity or 0)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            # What was marked is marked.
            with contextlib.suppress(imaplib.IMAP4.error, OSError):
                self._connection.logout()
            # Where the server did not answer, the connection is still open.
            with contextlib.suppress(OSError):
                self._connection.shutdown()
            self._connection = None

    @property
    def _imap(self) -> imaplib.IMAP4:
        assert self._connection is not None  # noqa: S101 - used inside its `with`
        return self._connection

    def list_unread(self) -> set[int]:
        """Return the numbers of the unread mails."""
        with _explain("La boîte des retours ne se laisse pas parcourir."):
            found = _check(self._imap.uid("SEARCH", "UNSEEN"))
            return {int(number) for line in found if isinstance(line, bytes) for number in line.split()}

    def list_sizes(self, uids: Collection[int]) -> list[ListedMail]:
        """Return these mails with their sizes, in order; those that are gone by then are left out."""
        listed = []
        with _explain("La boîte des retours ne se laisse pas parcourir."):
            for some in batched(sorted(uids), _PER_COMMAND, strict=False):
                for line in _check(self._imap.uid("FETCH", _join(some), "(UID RFC822.SIZE)")):
                    if isinstance(line, bytes) and (match := _SIZE.search(line)):
                        uid, size = (match[1], match[2]) if match[1] else (match[4], match[3])
                        listed.append(ListedMail(int(uid), int(size)))
        return sorted(listed)

    def fetch(self, uids: Collection[int]) -> dict[int, bytes | None]:
        """Return the contents of these mails, without marking them; None for one that the server does not give."""
        with _explain("Un mail de la boîte des retours ne se laisse pas lire."):
            try:
                return self._fetch(uids)
            except imaplib.IMAP4.abort:
                raise
            except imaplib.IMAP4.error:
                # It says so of all for one that is damaged.
                return self._fetch_each(uids)

    def _fetch(self, uids: Collection[int]) -> dict[int, bytes | None]:
        return dict(_read_contents(_check(self._imap.uid("FETCH", _join(uids), "(UID BODY.PEEK[])"))))

    def _fetch_each(self, uids: Collection[int]) -> dict[int, bytes | None]:
        contents: dict[int, bytes | None] = {}
        for uid in uids:
            try:
                contents |= self._fetch([uid])
            except imaplib.IMAP4.abort:
                raise
            except imaplib.IMAP4.error:
                contents[uid] = None
        return contents

    def mark_seen(self, uids: Collection[int]) -> None:
        """Mark mails as read."""
        if uids:
            with _explain("Les mails lus de la boîte des retours ne se laissent pas marquer."):
                _check(self._imap.uid("STORE", _join(uids), "+FLAGS.SILENT", r"(\Seen)"))


def is_configured() -> bool:
    """Whether there is a mailbox to read."""
    return settings.BOUNCE_MAILBOX is not None


def _get_place() -> Any:
    """Return the settings of the mailbox. Raises `MailboxUnavailable` without any."""
    if settings.BOUNCE_MAILBOX is None:
        raise MailboxUnavailable("Aucune boîte des retours n'est réglée.")
    return settings.BOUNCE_MAILBOX


def _connect() -> imaplib.IMAP4:
    place = _get_place()
    if place.uses_tls:
        context = ssl.create_default_context()
        return imaplib.IMAP4_SSL(place.host, place.port, ssl_context=context, timeout=_TIMEOUT)
    return imaplib.IMAP4(place.host, place.port, timeout=_TIMEOUT)


def _read_password() -> str:
    return Path(_get_place().password_file).read_text(encoding="utf-8").strip()


def _quote(folder: str) -> str:
    """Return a folder's name as IMAP quotes it."""
    return '"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _join(uids: Collection[int]) -> str:
    return ",".join(str(uid) for uid in uids)


def _check(answer: tuple[str, Sequence[object]]) -> Sequence[object]:
    """Return the data of an answer. Raises `imaplib.IMAP4.error` unless it is OK."""
    kind, data = answer
    if kind != "OK":
        raise imaplib.IMAP4.error(f"The server answered {kind}")
    return data


def _read_contents(answer: Sequence[object]) -> Iterator[tuple[int, bytes]]:
    """Yield number and content of each mail of a FETCH: the number stands before the content, or after it."""
    for position, item in enumerate(answer):
        if not isinstance(item, tuple):
            continue
        head, content = item
        rest = answer[position + 1] if position + 1 < len(answer) else b""
        match = _UID.search(head) or (_UID.search(rest) if isinstance(rest, bytes) else None)
        if match:
            yield int(match[1]), content


@contextlib.contextmanager
def _explain(sentence: str) -> Iterator[None]:
    """Raise `MailboxUnavailable` with this sentence for what goes wrong within."""
    try:
        yield
    except (imaplib.IMAP4.error, OSError, ValueError, EOFError) as error:
        raise MailboxUnavailable(sentence) from error
