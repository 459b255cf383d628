"""Bulk writes to the portfolio: insert, update and delete many schools by a handful of statements."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import connection, transaction

from accounts.models import User
from collectivities import audit_log
from collectivities.exceptions import UnknownPortfolioSchool
from collectivities.models import (
    PORTFOLIO_ADDED_BY_LIST,
    PORTFOLIO_REMOVED_BY_LIST,
    PORTFOLIO_UPDATED_BY_LIST,
    PortfolioSchool,
)
from schools.models import School
from schools.wording import format_school_name

_INSERT = """
INSERT INTO collectivities_portfolioschool
    (school_id, contact_name, contact_email, contact_phone, classes, added_at)
SELECT entry.*, %s
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::smallint[])
    AS entry (school_id, contact_name, contact_email, contact_phone, classes)
ORDER BY entry.school_id
ON CONFLICT (school_id) DO NOTHING
RETURNING school_id
"""
_FIND_UNKNOWN = """
SELECT named.uai FROM unnest(%s::text[]) AS named (uai)
WHERE NOT EXISTS (SELECT 1 FROM public.schools_school AS school WHERE school.uai = named.uai)
LIMIT 1
"""
_UPDATE = """
UPDATE collectivities_portfolioschool AS portfolio
SET contact_name = entry.contact_name, contact_email = entry.contact_email, contact_phone = entry.contact_phone,
    classes = entry.classes
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::smallint[])
    AS entry (school_id, contact_name, contact_email, contact_phone, classes)
WHERE portfolio.school_id = entry.school_id
"""


class SchoolContact(NamedTuple):
    """Contact and number of classes of a portfolio school."""

    contact_name: str = ""
    contact_email: str = ""
    contact_phone: str = ""
    classes: int | None = None

    def over(self, current: SchoolContact) -> SchoolContact:
        """Return `current` overwritten with the values that are not empty here."""
        return SchoolContact(
            self.contact_name or current.contact_name,
            self.contact_email or current.contact_email,
            self.contact_phone or current.contact_phone,
            current.classes if self.classes is None else self.classes,
        )


@dataclass(frozen=True, slots=True)
class ContactChange:
    """A partial update of a contact: fields that are present are written, even if empty; others are kept."""

    fields: Mapping[str, Any]

    def over(self, current: SchoolContact) -> SchoolContact:
        """Return `current` with these fields replaced."""
        return current._replace(**self.fields)


@dataclass(frozen=True, slots=True)
class PortfolioChanges:
    """The schools that were added and updated, and the previous contacts of those already in the portfolio."""

    added: list[str] = field(default_factory=list)
    #: Of every school that was in the portfolio, changed or not.
    before: dict[str, SchoolContact] = field(default_factory=dict)
    updated: list[str] = field(default_factory=list)


@transaction.atomic
def write_portfolio(
    *,
    entries: Mapping[str, SchoolContact | ContactChange],
    by: User | None,
    at: datetime.datetime,
    one_by_one: bool = False,
) -> PortfolioChanges:
    """Insert or update portfolio schools by UAI; return those added and updated, and the previous contacts.

    Empty fields of a `SchoolContact` and absent fields of a `ContactChange` keep their value. The caller has checked
    every value; a school that the directory does not know raises `UnknownPortfolioSchool`. `one_by_one`: log each
    school as an action of its own, not as part of a list.
    """
    if not entries:
        return PortfolioChanges()
    empty = SchoolContact()
    added: list[str] = []
    before: dict[str, SchoolContact] = {}
    missing = list(entries)
    # A second time only for what was removed between the two statements, by another transaction.
    while missing:
        inserted = insert_schools({uai: entries[uai].over(empty) for uai in missing}, at=at)
        added += inserted
        new = set(inserted)
        others = [uai for uai in missing if uai not in new]
        locked = lock_contacts(others)
        before |= locked
        missing = [uai for uai in others if uai not in locked]
    after = {uai: entries[uai].over(contact) for uai, contact in before.items()}
    updated = [uai for uai, contact in after.items() if contact != before[uai]]
    _update_contacts({uai: after[uai] for uai in updated})
    names = _school_names([*added, *updated])
    added_action, updated_action = (
        ("portfolio.added", "portfolio.contact_updated")
        if one_by_one
        else (PORTFOLIO_ADDED_BY_LIST, PORTFOLIO_UPDATED_BY_LIST)
    )
    audit_entries = [
        audit_log.NewAuditEntry(added_action, f"Ajout au périmètre : {names[uai]} ({uai}).", uai) for uai in added
    ]
    audit_entries += [
        audit_log.NewAuditEntry(
            updated_action, f"Contact de {names[uai]} ({uai}) : {_format_contact(after[uai])}.", uai
        )
        for uai in updated
    ]
    audit_log.record_many(audit_entries, by=by, at=at)
    return PortfolioChanges(added, before, updated)


def insert_schools(contacts: Mapping[str, SchoolContact], *, at: datetime.datetime) -> list[str]:
    """Insert those of the schools that are not in the portfolio, and return them. Writes nothing to the audit log.

    A transaction that inserts some of them at this moment is waited for. Raises `UnknownPortfolioSchool`.
    """
    if not contacts:
        return []
    with connection.cursor() as cursor:
        # Ordered by school: concurrent lists wait for each other and do not deadlock.
        cursor.execute(_INSERT, [at, *_to_columns(contacts)])
        inserted = [uai for (uai,) in cursor.fetchall()]
        # No constraint does it (docs/decisions/0156), nor the INSERT: its RETURNING reads no other table on a cluster.
        cursor.execute(_FIND_UNKNOWN, [inserted])
        unknown = cursor.fetchone()
    if unknown is not None:
        raise UnknownPortfolioSchool(f"L'annuaire ne connaît pas d'établissement « {unknown[0]} ».")
    return inserted


@transaction.atomic
def remove_from_portfolio(
    *, uais: Collection[str], by: User | None, at: datetime.datetime, one_by_one: bool = False
) -> list[str]:
    """Remove schools from the portfolio; return those that were in it. Their allocations are kept.

    `one_by_one`: log each school as an action of its own, not as part of a list.
    """
    existing = lock_contacts(uais)
    PortfolioSchool.objects.filter(school_id__in_array=existing).delete()
    names = _school_names(existing)
    action = "portfolio.removed" if one_by_one else PORTFOLIO_REMOVED_BY_LIST
    audit_log.record_many(
        (audit_log.NewAuditEntry(action, f"Retrait du périmètre : {names[uai]} ({uai}).", uai) for uai in existing),
        by=by,
        at=at,
    )
    return list(existing)


@transaction.atomic
def restore_contacts(*, contacts: Mapping[str, SchoolContact], by: User | None, at: datetime.datetime) -> int:
    """Restore previous contacts, including empty fields; return how many schools were written."""
    existing = lock_contacts(contacts.keys())
    _update_contacts({uai: contacts[uai] for uai in existing})
    names = _school_names(existing)
    audit_log.record_many(
        (
            audit_log.NewAuditEntry(
                PORTFOLIO_UPDATED_BY_LIST, f"Contact de {names[uai]} ({uai}) : {_format_contact(contacts[uai])}.", uai
            )
            for uai in existing
        ),
        by=by,
        at=at,
    )
    return len(existing)


def lock_contacts(uais: Collection[str]) -> dict[str, SchoolContact]:
    """Lock those of the schools that are in the portfolio, and return their contacts by UAI."""
    rows = (
        PortfolioSchool.objects.filter(school_id__in_array=uais)
        .locked()
        .values_list("school_id", *SchoolContact._fields)
    )
    return {uai: SchoolContact(*values) for uai, *values in rows}


def _update_contacts(contacts: Mapping[str, SchoolContact]) -> None:
    if contacts:
        with connection.cursor() as cursor:
            cursor.execute(_UPDATE, _to_columns(contacts))


def _to_columns(contacts: Mapping[str, SchoolContact]) -> list[list[Any]]:
    rows = [(uai, *contact) for uai, contact in contacts.items()]
    return [list(column) for column in zip(*rows, strict=True)]


def _school_names(uais: Iterable[str]) -> dict[str, str]:
    rows = School.objects.filter(uai__in_array=uais).values_list("uai", "name")
    return {uai: format_school_name(name) for uai, name in rows}


def _format_contact(contact: SchoolContact) -> str:
    parts = [contact.contact_name, contact.contact_email, contact.contact_phone]
    if contact.classes is not None:
        parts.append(f"{contact.classes} classe{'s' if contact.classes > 1 else ''}")
    return ", ".join(part for part in parts if part) or "celui de l'annuaire"
