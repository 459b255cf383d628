"""The remit by the list: many schools and their contacts written, and taken back, by a handful of statements."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection, transaction

from collectivities import audit
from collectivities.models import REMIT_ADDED_BY_LIST, REMIT_REMOVED_BY_LIST, REMIT_UPDATED_BY_LIST, SchoolInRemit
from schools.models import School
from schools.wording import school_name
from web import arrays

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Iterable, Mapping

    from accounts.models import User

_INSERT = """
INSERT INTO collectivities_schoolinremit
    (school_id, contact_name, contact_email, contact_phone, classes, added_at)
SELECT entry.*, %s
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::smallint[])
    AS entry (school_id, contact_name, contact_email, contact_phone, classes)
ORDER BY entry.school_id
ON CONFLICT (school_id) DO NOTHING
RETURNING school_id
"""
_UPDATE = """
UPDATE collectivities_schoolinremit AS remit
SET contact_name = entry.contact_name, contact_email = entry.contact_email, contact_phone = entry.contact_phone,
    classes = entry.classes
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::smallint[])
    AS entry (school_id, contact_name, contact_email, contact_phone, classes)
WHERE remit.school_id = entry.school_id
"""


class Contact(NamedTuple):
    """What the remit says of a school."""

    contact_name: str = ""
    contact_email: str = ""
    contact_phone: str = ""
    classes: int | None = None

    def over(self, there: Contact) -> Contact:
        """Return what stands there once this is written over it: what is empty here stays as it was."""
        return Contact(
            self.contact_name or there.contact_name,
            self.contact_email or there.contact_email,
            self.contact_phone or there.contact_phone,
            there.classes if self.classes is None else self.classes,
        )


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody says of a school: the fields that he does not name stay, those he names are written, empty too."""

    fields: Mapping[str, Any]

    def over(self, there: Contact) -> Contact:
        """Return what stands there once this is written over it."""
        return there._replace(**self.fields)


@dataclass(frozen=True, slots=True)
class Written:
    """What a list did to the remit: the schools added, and what stood there of those that were in it already."""

    added: list[str] = field(default_factory=list)
    #: Of every school that was in the remit, changed or not.
    before: dict[str, Contact] = field(default_factory=dict)
    updated: list[str] = field(default_factory=list)


@transaction.atomic
def write_remit(
    *, entries: Mapping[str, Contact | Said], by: User | None, at: datetime.datetime, one_by_one: bool = False
) -> Written:
    """Write schools and contacts, by UAI, into the remit; return what was added, updated, and stood there before.

    What a `Contact` leaves empty stays as it is, and so does what is not `Said`. Every school must be in the directory,
    and every value be checked before: an unknown school is an `IntegrityError`. `one_by_one`: the journal tells each
    school as an event of its own, and not as its share of a list.
    """
    if not entries:
        return Written()
    nothing = Contact()
    with connection.cursor() as cursor:
        # In the order of the schools: two lists at the same moment wait for each other, and do not deadlock.
        cursor.execute(_INSERT, [at, *_columns({uai: entry.over(nothing) for uai, entry in entries.items()})])
        added = [uai for (uai,) in cursor.fetchall()]
    new = set(added)
    there = contacts_now([uai for uai in entries if uai not in new])
    after = {uai: entries[uai].over(contact) for uai, contact in there.items()}
    updated = [uai for uai, contact in after.items() if contact != there[uai]]
    _write({uai: after[uai] for uai in updated})
    names = _names([*added, *updated])
    adding, updating = (
        ("remit.added", "remit.contact_set") if one_by_one else (REMIT_ADDED_BY_LIST, REMIT_UPDATED_BY_LIST)
    )
    told = [audit.Entry(adding, f"Ajout au périmètre : {names[uai]} ({uai}).", uai) for uai in added]
    told += [audit.Entry(updating, f"Contact de {names[uai]} ({uai}) : {_told(after[uai])}.", uai) for uai in updated]
    audit.record_many(told, by=by, at=at)
    return Written(added, there, updated)


@transaction.atomic
def take_back_from_remit(*, uais: Collection[str], by: User | None, at: datetime.datetime) -> list[str]:
    """Take the schools of a list out of the remit; return those that were in it."""
    there = contacts_now(uais)
    SchoolInRemit.objects.filter(arrays.text_in("school_id", there)).delete()
    names = _names(there)
    audit.record_many(
        (audit.Entry(REMIT_REMOVED_BY_LIST, f"Retrait du périmètre : {names[uai]} ({uai}).", uai) for uai in there),
        by=by,
        at=at,
    )
    return list(there)


@transaction.atomic
def restore_contacts(*, contacts: Mapping[str, Contact], by: User | None, at: datetime.datetime) -> int:
    """Put contacts back, whole, as they were before a list; return of how many schools."""
    there = contacts_now(contacts.keys())
    _write({uai: contacts[uai] for uai in there})
    names = _names(there)
    audit.record_many(
        (
            audit.Entry(REMIT_UPDATED_BY_LIST, f"Contact de {names[uai]} ({uai}) : {_told(contacts[uai])}.", uai)
            for uai in there
        ),
        by=by,
        at=at,
    )
    return len(there)


def contacts_now(uais: Collection[str]) -> dict[str, Contact]:
    """Lock those of the schools that are in the remit until the transaction ends; return what it says of each."""
    rows = (
        SchoolInRemit.objects.filter(arrays.text_in("school_id", uais))
        .select_for_update(of=("self",))
        .order_by("school_id")
        .values_list("school_id", *Contact._fields)
    )
    return {uai: Contact(*said) for uai, *said in rows}


def _write(contacts: Mapping[str, Contact]) -> None:
    if contacts:
        with connection.cursor() as cursor:
            cursor.execute(_UPDATE, _columns(contacts))


def _columns(contacts: Mapping[str, Contact]) -> list[list[Any]]:
    rows = [(uai, *contact) for uai, contact in contacts.items()]
    return [list(column) for column in zip(*rows, strict=True)]


def _names(uais: Iterable[str]) -> dict[str, str]:
    named = School.objects.filter(arrays.text_in("uai", uais)).values_list("uai", "name")
    return {uai: school_name(name) for uai, name in named}


def _told(contact: Contact) -> str:
    said = [contact.contact_name, contact.contact_email, contact.contact_phone]
    if contact.classes is not None:
        said.append(f"{contact.classes} classe{'s' if contact.classes > 1 else ''}")
    return ", ".join(part for part in said if part) or "celui de l'annuaire"
