"""The kinds of messages: who renders each, and what the office may do with it.

The outbox stands below the apps whose messages it carries, and so cannot import them: each app registers its kinds
when it is loaded (`<app>/emails.py`, imported by its `AppConfig.ready`). A message is rendered when it is sent, which
is why the outbox never holds a key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Sequence

    from mailing.models import Message


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendered:
    """What a message says."""

    subject: str
    text: str
    # Empty: the message has a text part only.
    html: str = ""
    # Who it comes from, as people read it; the address is always DEFAULT_FROM_EMAIL's.
    from_name: str = ""
    reply_to: str = ""


class NoLongerDue(Exception):
    """Raised by a renderer whose message lost its reason: it is cancelled, and the French sentence is its reason."""


class UnknownKind(LookupError):
    """No app registered this kind of message."""


class Reveal(Protocol):
    """The operation by which a manager sees a message as its recipient does, secret included.

    `by` is an `accounts.models.User`: accounts stand above the outbox, which cannot name them.
    """

    def __call__(self, message: Message, *, by: Any, at: datetime.datetime) -> Rendered:
        """Write in the journal that `by` saw it, and return the message with its secret."""


class Resend(Protocol):
    """The operation that sends what a message carried once more."""

    def __call__(self, message: Message, *, recipient: str, by: Any, at: datetime.datetime) -> Message:
        """Queue a new message to `recipient`, and return it. Raises the owner's refusal, a French sentence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One kind of message, and its owner's functions."""

    label: str
    render: Callable[[Message], Rendered]
    gather: Callable[[Sequence[Message]], Callable[[Message], Rendered]] | None = None
    preview: Callable[[Message], Rendered] | None = None
    reveal: Reveal | None = None
    resend: Resend | None = None

    def renderer(self, messages: Sequence[Message]) -> Callable[[Message], Rendered]:
        """Return what renders each of `messages`; the owner may first read in one go what they all need."""
        return self.render if self.gather is None else self.gather(messages)


_kinds: dict[str, Kind] = {}


def register(
    kind: str,
    *,
    label: str,
    render: Callable[[Message], Rendered],
    gather: Callable[[Sequence[Message]], Callable[[Message], Rendered]] | None = None,
    preview: Callable[[Message], Rendered] | None = None,
    reveal: Reveal | None = None,
    resend: Resend | None = None,
) -> None:
    """Say how messages of `kind` are rendered, in the schema of their outbox.

    `label`: what the office calls it. `gather`: given some fifty messages, reads all they need in a few queries and
    returns their renderer; without it `render` is called for each. `preview`: the message with its secrets masked,
    for the office; without it the office shows no preview. `reveal`: the audited operation that shows it whole.
    `resend`: the operation behind « corriger l'adresse et renvoyer ».
    """
    _kinds[kind] = Kind(label=label, render=render, gather=gather, preview=preview, reveal=reveal, resend=resend)


def unregister(kind: str) -> None:
    """Forget a kind that a test registered."""
    del _kinds[kind]


def get(kind: str) -> Kind:
    """Return the kind. Raises `UnknownKind`."""
    try:
        return _kinds[kind]
    except KeyError:
        raise UnknownKind(kind) from None


def is_known(kind: str) -> bool:
    """Return whether an app registered the kind."""
    return kind in _kinds


def label(kind: str) -> str:
    """Return what the office calls the kind; its name where no app knows it any more."""
    return _kinds[kind].label if kind in _kinds else kind
