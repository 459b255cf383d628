"""Registry of message kinds: how each is rendered, previewed and resent.

The outbox is below the apps whose messages it sends and cannot import them: each registers its kinds at start
(`<app>/emails.py`, imported by its `declarations`). A message is rendered when it is sent, so the outbox
never holds an activation key.
"""

import datetime
import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Concatenate, NamedTuple, Protocol

from django.template.defaultfilters import linebreaksbr
from django.template.loader import render_to_string
from django.utils.html import conditional_escape

from core import formatting
from core.links import portal_url
from core.registry import Registry
from mailing.models import Message, kind_labels


@dataclass(frozen=True, kw_only=True, slots=True)
class EmailAttachment:
    """A file attached to an e-mail: only what the law wants on a durable medium, everything else is linked to."""

    #: In ASCII.
    filename: str
    content: bytes
    content_type: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RenderedEmail:
    """A rendered e-mail."""

    subject: str
    text: str
    # Empty: text part only.
    html: str = ""
    # Display name of the sender; the address is always that of DEFAULT_FROM_EMAIL.
    from_name: str = ""
    reply_to: str = ""
    attachments: tuple[EmailAttachment, ...] = ()
    # Of letters that come again by themselves: a POST to it stops them (RFC 8058), a GET shows a page that asks.
    unsubscribe_url: str = ""


class NoLongerDue(Exception):
    """Raised by a renderer to cancel an obsolete message; the French message becomes its `reason`."""


class OnHold(Exception):
    """Raised by a renderer to hold a message until `operations.release_held`; the French message is its `reason`."""


class UnknownMessageKind(LookupError):
    """No app registered this message kind."""


class RevealOperation(Protocol):
    """Operation that shows a manager a message as its recipient sees it, secret included.

    `by` is an `accounts.models.User`: typed `Any`, as accounts are above the outbox and cannot be imported.
    """

    def __call__(self, message: Message, *, by: Any, at: datetime.datetime) -> RenderedEmail:
        """Write an audit entry for `by`, and return the message with its secret."""


class ResendOperation(Protocol):
    """Operation that sends the content of a message again."""

    def __call__(self, message: Message, *, recipient: str, by: Any, at: datetime.datetime) -> Message:
        """Queue a new message to `recipient` and return it. Raises the owning app's `DomainError`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EmailKind:
    """A message kind and the functions of its owning app."""

    #: Shown to the tenant.
    label: str
    render: Callable[[Message], RenderedEmail]
    #: Reads the data of a batch in a few queries and returns its renderer; else `render` is called for each message.
    prefetch: Callable[[Sequence[Message]], Callable[[Message], RenderedEmail]] | None = None
    #: Renders the message with its secrets masked; else there is no preview.
    preview: Callable[[Message], RenderedEmail] | None = None
    #: The audited operation that renders it with its secrets.
    reveal: RevealOperation | None = None
    #: The operation behind « corriger l'adresse et renvoyer ».
    resend: ResendOperation | None = None
    #: A person has just asked for it, for one address: it is written to even where that was refused.
    is_by_hand: bool = False

    def renderer(self, messages: Sequence[Message]) -> Callable[[Message], RenderedEmail]:
        """Return a renderer for these messages, after prefetching their data where the kind supports it."""
        return self.render if self.prefetch is None else self.prefetch(messages)


_kinds: Registry[EmailKind] = Registry("kind of e-mail")


def _make_register[**P](build: Callable[P, EmailKind]) -> Callable[Concatenate[str, P], None]:
    """Return a function that takes the name of a kind, and the fields of `EmailKind`."""

    def register(kind: str, /, *args: P.args, **fields: P.kwargs) -> None:
        """Register how messages of `kind` are rendered, in the schema of their outbox."""
        built = build(*args, **fields)
        kind_labels.declare(kind, built.label)
        _kinds.declare(kind, built)

    return register


register = _make_register(EmailKind)


def unregister(kind: str) -> None:
    """Unregister a kind. For tests."""
    _kinds.withdraw(kind)
    kind_labels.withdraw(kind)


def get(kind: str) -> EmailKind:
    """Return the kind. Raises `UnknownMessageKind`."""
    try:
        return _kinds[kind]
    except KeyError:
        raise UnknownMessageKind(kind) from None


def is_known(kind: str) -> bool:
    """Return whether an app registered the kind."""
    return kind in _kinds


def is_by_hand(kind: str) -> bool:
    """Return whether each message of this kind is asked for by a person, for one address."""
    return kind in _kinds and _kinds[kind].is_by_hand


def get_label(kind: str) -> str:
    """Return the label of the kind; its name if no app registers it any more."""
    return kind_labels.get(kind, kind)


# Template of e-mails sent by Pep's itself: paragraphs and at most one button, as text and HTML.
#
# E-mails about an allocation carry their collectivity's logo and signature: `licensing.pools.emails`.

#: What Pep's is, for readers who may never have heard of it.
PRODUCT_SENTENCE = (
    "Pep's est un site d'entraînement personnalisé, du CP au CM2 : on y prescrit à sa classe des exercices, des "
    "parcours et des évaluations."
)


# Templates are rendered once for what is the same among e-mails: with marks for their texts, which are filled in. So
# rendering a letter is joining strings, half of what sending took. No text is kept, only where it goes.

#: Private letters of Unicode around the number of a text.
_MARK = re.compile("\ue000([0-9]+)\ue001")
#: By the name under which a template has them: texts that get French spaces and apostrophes, and those of lines.
_TYPESET = {"introduction", "paragraphs", "words", "action", "button", "steps", "notes", "contact", "reason"}
_OF_LINES = {"paragraphs", "signature"}


def _prepare_html(name: str, text: str) -> str:
    if name in _TYPESET:
        text = formatting.curl_apostrophes(formatting.add_nonbreaking_spaces(str(text)))
    return linebreaksbr(text) if name in _OF_LINES else conditional_escape(text)


def fill_template(template: str, texts: Mapping[str, Any]) -> str:
    """Return what the template is with these texts, or sequences of them, by its names; « .html » is escaped.

    Its tests and loops see which texts are empty, and how many there are, and nothing else of them. It applies no
    filter to a text: what is done to each, by its name, is done here.
    """
    prepare = _prepare_html if template.endswith(".html") else (lambda _, text: str(text))
    prepared: list[str] = []

    def mark(name: str, value: Any) -> Any:
        if isinstance(value, EmailItem):
            return EmailItem(*(mark(field, text) for field, text in value._asdict().items()))
        if not isinstance(value, str):
            return tuple(mark(name, each) for each in value)
        if not value:
            return ""
        prepared.append(prepare(name, value))
        return f"\ue000{len(prepared) - 1}\ue001"

    marks = tuple((name, mark(name, value)) for name, value in texts.items())
    pieces = list(_render_pieces(template, marks))
    pieces[1::2] = [prepared[int(number)] for number in pieces[1::2]]
    return "".join(pieces)


@functools.lru_cache(maxsize=256)
def _render_pieces(template: str, marks: tuple[tuple[str, Any], ...]) -> tuple[str, ...]:
    """Return the template's own text and the numbers of the texts that go between, in turn."""
    return tuple(_MARK.split(render_to_string(template, dict(marks))))


class EmailItem(NamedTuple):
    """An item of a list: a sentence, and a link to the page where it is done."""

    words: str
    address: str
    action: str


def format_salutation(first_name: str) -> str:
    """Return the salutation, with the first name if known."""
    return f"Bonjour {first_name}," if first_name else "Bonjour,"


def render_email(
    *,
    subject: str,
    paragraphs: Sequence[str],
    items: Sequence[EmailItem] = (),
    button: str = "",
    address: str = "",
    notes: Sequence[str] = (),
    greeting: str = "Bonjour,",
    reason: str = "",
    unsubscribe_url: str = "",
) -> RenderedEmail:
    """Render the e-mail. `items` follow the paragraphs; `button` links to `address`; `notes` are in small print.

    `reason`, `unsubscribe_url`: of a letter that comes again by itself, why it came and where it is stopped.
    """
    context = {
        "subject": subject,
        "greeting": greeting,
        "paragraphs": paragraphs,
        "items": items,
        "button": button,
        "address": address,
        "notes": notes,
        "portal": portal_url(),
        "reason": reason,
        "unsubscribe_url": unsubscribe_url,
    }
    return RenderedEmail(
        subject=subject,
        text=fill_template("mailing/email.txt", context),
        html=fill_template("mailing/email.html", context),
        unsubscribe_url=unsubscribe_url,
    )
