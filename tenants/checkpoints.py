"""Checkpoints: the last seal of every chain, signed daily by a key that the database does not hold, and sent outside.

Who owns the database can cut a chain or write it anew, and its seals fit again (`core.journal_seals`); they no longer
fit what was signed and is kept elsewhere. Why: docs/decisions/0092.
"""

import base64
import binascii
import datetime
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django_tenants.utils import get_public_schema_name, schema_context

from core.calendar import date_in_paris, start_of_day
from core.connections import connection
from core.formatting import long_date
from core.journal_seals import SealedJournal, sealed_journals
from core.schemas import UNREADABLE, surviving_errors
from mailing import kinds, operations
from mailing.email_templates import render_email_template
from mailing.kinds import EmailAttachment, NoLongerDue, RenderedEmail
from mailing.models import LOST, Message, MessageState
from tenants.cross_schema import query_all
from tenants.models import Checkpoint, Collectivity

EMAIL_KIND = "checkpoint"
#: From this hour in Paris on, once a day.
_FIRST_HOUR = datetime.timedelta(hours=4)
#: After which the operator is told that nothing is signed any more.
MAX_SILENCE = datetime.timedelta(days=2)
#: Schemas after which a new connection is taken: the server keeps what it knows of a table until the connection ends.
_SCHEMAS_PER_CONNECTION = 1000
_TITLE = "peps checkpoint 1"
_FORMAT = re.compile(
    rf"(?P<signed>{_TITLE}\nsite (?P<site>\S+)\nat (?P<at>\S+)\n"
    r"(?P<seals>(?:seal \w+\.\w+ \d+ [0-9a-f]{64} \S+\n)*)(?P<unread>(?:unread \w+\.\w+\n)*))"
    r"key \S+\nsignature (?P<signature>\S+)\n?"
)
#: A row as well where there is no seal yet: what has none could not be read.
_LAST_OF_OFFICE = (
    "SELECT number, hash, sealed_at FROM (SELECT) AS always"
    " LEFT JOIN LATERAL (SELECT * FROM {{schema}}.{table} ORDER BY number DESC LIMIT 1) AS last ON true"
)


class CheckpointRefused(Exception):
    """The file is no checkpoint that a key of this installation signed. The message says why, in French."""


class LastSeal(NamedTuple):
    """The last seal of a chain. `chain`: schema and table."""

    chain: str
    number: int
    hash: str
    sealed_at: datetime.datetime


class SignedCheckpoint(NamedTuple):
    """What was signed at a moment; `unread`: the chains that could not be read then."""

    at: datetime.datetime
    last_seals: list[LastSeal]
    unread: list[str]


def read_signing_keys() -> list[Ed25519PrivateKey]:
    """Return the keys of JOURNAL_SIGNING_KEYS, of which the first signs. Raises `ImproperlyConfigured`."""
    try:
        return [
            Ed25519PrivateKey.from_private_bytes(base64.b64decode(entry, validate=True))
            for entry in settings.JOURNAL_SIGNING_KEYS
        ]
    except (ValueError, binascii.Error):
        # The entry is a secret: it must not appear in the message.
        raise ImproperlyConfigured("JOURNAL_SIGNING_KEYS: each entry is 32 bytes in base64.") from None


def is_configured() -> bool:
    """Whether checkpoints are signed, and there is somewhere to send them."""
    return bool(
        settings.JOURNAL_SIGNING_KEYS and (settings.JOURNAL_CHECKPOINT_FOLDER or settings.JOURNAL_CHECKPOINT_ADDRESS)
    )


def is_due(*, at: datetime.datetime) -> bool:
    """Whether the day's checkpoint is not signed yet, or not in the folder; before 4:00, none is due."""
    day = date_in_paris(at)
    return (
        is_configured()
        and at >= start_of_day(day) + _FIRST_HOUR
        and not Checkpoint.objects.filter(day=day, failure="").exists()
    )


def sign_day(*, at: datetime.datetime) -> None:
    """Sign the day's checkpoint and send it outside; once, whatever was done before. In the public schema.

    A folder that cannot be written is noted for the operator, and tried again by the next call of the day.
    """
    if not is_due(at=at):
        return
    day = date_in_paris(at)
    signed = Checkpoint.objects.filter(day=day).first() or _sign(day, at)
    failure = _write_file(signed) if settings.JOURNAL_CHECKPOINT_FOLDER else ""
    Checkpoint.objects.filter(day=day).update(failure=failure)


def list_latest() -> QuerySet[Checkpoint]:
    """Return the checkpoints, the latest first, for `describe_fault`."""
    lost = Message.objects.filter(
        kind=EMAIL_KIND, created_at__gte=OuterRef("signed_at"), state__in=(*LOST, MessageState.HELD)
    )
    return Checkpoint.objects.defer("content").annotate(is_lost=Exists(lost)).order_by("-day")


def describe_fault(latest: Checkpoint | None, *, at: datetime.datetime) -> str:
    """Return a French sentence for the operator where the latest checkpoint did not leave, or an empty text.

    `latest`: the first of `list_latest`.
    """
    if latest is None or latest.failure:
        return latest.failure if latest else ""
    if at - latest.signed_at > MAX_SILENCE:
        return f"Les sceaux ne sont plus relevés depuis le {long_date(latest.day)}"
    return (
        f"Le relevé des sceaux du {long_date(latest.day)} n'est pas arrivé par e-mail"
        if vars(latest)["is_lost"]
        else ""
    )


def read_signed(text: str) -> SignedCheckpoint:
    """Return what a file says, once one of our keys is known to have signed it. Raises `CheckpointRefused`."""
    found = _FORMAT.fullmatch(text)
    if found is None:
        raise CheckpointRefused("Ce fichier n'est pas un relevé des sceaux, ou il n'est pas entier.")
    if not any(_has_signed(key, found) for key in read_signing_keys()):
        raise CheckpointRefused(
            "La signature ne vient d'aucune clé de JOURNAL_SIGNING_KEYS : le fichier a été modifié, ou sa clé n'y est "
            "plus."
        )
    lines = [line.split()[1:] for line in found["seals"].splitlines()]
    return SignedCheckpoint(
        datetime.datetime.fromisoformat(found["at"]),
        [LastSeal(chain, int(seal), digest, datetime.datetime.fromisoformat(at)) for chain, seal, digest, at in lines],
        [line.split()[1] for line in found["unread"].splitlines()],
    )


def find_contradictions(checkpoint: SignedCheckpoint, *, at: datetime.datetime) -> Iterator[str]:
    """Yield a French sentence for each chain that is no longer what was signed. In any schema."""
    journals = {journal.seals_table: journal for journal in sealed_journals}
    day = long_date(date_in_paris(checkpoint.at))
    for chain in checkpoint.unread:
        yield f"{chain} : n'a pas pu être lue le {day}, et n'est donc pas signée ce jour-là"
    for count, last in enumerate(checkpoint.last_seals, start=1):
        if count % _SCHEMAS_PER_CONNECTION == 0:
            _renew_connection()
        schema, _, table = last.chain.partition(".")
        try:
            with surviving_errors(), schema_context(schema):
                fault = _compare(journals[table], last, at)
        except (KeyError, *UNREADABLE):
            fault = "la chaîne entière a disparu, ou ne se lit plus"
        if fault:
            yield f"{last.chain} : {fault} (signé le {day})"


def _compare(journal: SealedJournal, last: LastSeal, at: datetime.datetime) -> str:
    """Return what contradicts a signed seal in the current schema, or an empty text."""
    seals = journal.seals._default_manager  # noqa: SLF001 - documented
    seal = seals.filter(number=last.number).first()
    if seal is not None:
        is_same = last.hash == seal.hash == seal.compute_hash()
        return "" if is_same else f"réécrite : le sceau n° {last.number} n'est plus celui qui a été signé"
    if journal.kept_for is not None and at - last.sealed_at > journal.kept_for:
        # Deleted by time, with the entries that it sealed.
        return ""
    end = seals.order_by("-number").values_list("number", flat=True).first()
    ends = "il n'en reste aucun" if end is None else f"le dernier est le n° {end}"
    return f"coupée : le sceau n° {last.number} n'existe plus, {ends}"


def _sign(day: datetime.date, at: datetime.datetime) -> Checkpoint:
    content = _build_content(at)
    with transaction.atomic():
        signed = Checkpoint.objects.create(day=day, signed_at=at, content=content)
        if settings.JOURNAL_CHECKPOINT_ADDRESS:
            operations.enqueue(
                kind=EMAIL_KIND, recipient=settings.JOURNAL_CHECKPOINT_ADDRESS, at=at, context={"day": day.isoformat()}
            )
    return signed


def _build_content(at: datetime.datetime) -> str:
    key = read_signing_keys()[0]
    last_seals, unread = _read_last_seals()
    lines = [_TITLE, f"site {settings.BASE_DOMAIN}", f"at {_to_utc(at)}"]
    lines += [f"seal {last.chain} {last.number} {last.hash} {_to_utc(last.sealed_at)}" for last in last_seals]
    lines += [f"unread {chain}" for chain in unread]
    signed = "".join(f"{line}\n" for line in lines)
    public, signature = _encode(key.public_key().public_bytes_raw()), _encode(key.sign(signed.encode()))
    return f"{signed}key {public}\nsignature {signature}\n"


def _read_last_seals() -> tuple[list[LastSeal], list[str]]:
    """Return the last seal of every chain that has one, and the chains that cannot be read. In the public schema."""
    last_seals: list[LastSeal] = []
    unread: list[str] = []
    for journal in sealed_journals:
        table = journal.seals_table
        if journal.entries._meta.app_config.name in settings.TENANT_APPS:  # noqa: SLF001 - documented
            found = {row.collectivity.schema_name: row.values for row in query_all(_LAST_OF_OFFICE.format(table=table))}
            schemas = Collectivity.objects.values_list("schema_name", flat=True)
            unread += [f"{schema}.{table}" for schema in schemas if schema not in found]
        else:
            last = journal.seals._default_manager.order_by("-number")  # noqa: SLF001 - documented
            found = {str(get_public_schema_name()): row for row in last.values_list("number", "hash", "sealed_at")[:1]}
        last_seals += [LastSeal(f"{schema}.{table}", *row) for schema, row in found.items() if row[0] is not None]
    _renew_connection()
    return sorted(last_seals), sorted(unread)


def _renew_connection() -> None:
    if not connection.in_atomic_block:
        connection.close()


def _write_file(signed: Checkpoint) -> str:
    """Write the day's file, all of it or nothing; return a French sentence where it could not be, or an empty text."""
    path = Path(settings.JOURNAL_CHECKPOINT_FOLDER) / _name_file(signed.day)
    unfinished = path.with_suffix(f".{os.getpid()}.unfinished")
    try:
        with unfinished.open("w", encoding="utf-8") as file:
            file.write(signed.content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        return (
            f"Le relevé des sceaux du {long_date(signed.day)} n'a pas pu être écrit dans "
            f"{settings.JOURNAL_CHECKPOINT_FOLDER} : {error.strerror}"
        )
    return ""


def _name_file(day: datetime.date) -> str:
    return f"peps-checkpoint-{day.isoformat()}.txt"


def _has_signed(key: Ed25519PrivateKey, checkpoint: re.Match[str]) -> bool:
    try:
        key.public_key().verify(base64.b64decode(checkpoint["signature"]), checkpoint["signed"].encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def _to_utc(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.UTC).isoformat()


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _render(message: Message) -> RenderedEmail:
    signed = Checkpoint.objects.filter(day=message.context["day"]).first()
    if signed is None:
        raise NoLongerDue("Le relevé de ce jour n'est plus gardé.")
    content = signed.content.encode()
    context = {
        "day": signed.day,
        "site": settings.BASE_DOMAIN,
        "chains": content.count(b"\nseal "),
        "digest": hashlib.sha256(content).hexdigest(),
    }
    rendered = render_email_template("tenants/emails/checkpoint.txt", context)
    attachment = EmailAttachment(filename=_name_file(signed.day), content=content, content_type="text/plain")
    return replace(rendered, attachments=(attachment,))


kinds.register(EMAIL_KIND, label="Relevé des sceaux", render=_render)
