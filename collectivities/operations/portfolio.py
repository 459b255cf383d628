"""Add schools to the portfolio and set their contacts, from the office's pages."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import django_filters
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, models, transaction
from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet

from accounts.models import User
from collectivities import audit_log
from collectivities.exceptions import InvalidRows, NotInPortfolio, PortfolioRowError
from collectivities.models import (
    PORTFOLIO_ADDED_AT_ONCE,
    PORTFOLIO_ADDED_BY_LIST,
    PORTFOLIO_REMOVED_BY_LIST,
    PORTFOLIO_UPDATED_BY_LIST,
    AuditEntry,
    PortfolioSchool,
)
from core import formatting
from core.confirmation_guard import ConfirmationGuard, is_large_share
from core.exceptions import Refusal
from core.foreign_values import cut_search
from core.formatting import pluralize
from schools import uai as codes
from schools.folding import split_words
from schools.models import School
from schools.wording import format_school_name

CONTACT_CHOICES = (
    ("with", "Contact renseigné"),
    ("without", "Sans contact"),
    ("unreachable", "Aucune adresse connue"),
)


def list_commune_choices() -> list[tuple[str, str]]:
    """Return the communes of the portfolio's schools, by name."""
    schools = School.objects.filter(pk__in=PortfolioSchool.objects.values("school_id"))
    # Grouped by the code alone: a DISTINCT of both would sort the names of 60,000 schools.
    communes = schools.order_by().values("commune_code").annotate(name=Max("commune"), folded=Max("commune_folded"))
    return list(communes.order_by("folded", "commune_code").values_list("commune_code", "name"))


class PortfolioFilter(django_filters.FilterSet):
    """Filter portfolio schools by words, commune, and whether a contact is known."""

    text = django_filters.CharFilter(label="Nom, commune, code postal ou UAI", method="by_text")
    commune: django_filters.Filter = django_filters.ChoiceFilter(
        label="Commune", empty_label="Toutes", choices=list_commune_choices, field_name="school__commune_code"
    )
    contact = django_filters.ChoiceFilter(
        label="Contact",
        empty_label="Tous",
        choices=CONTACT_CHOICES,
        method="by_contact",
    )

    class Meta:
        model = PortfolioSchool
        fields: ClassVar = ["text", "commune", "contact"]

    def by_text(self, rows: QuerySet[PortfolioSchool], name: str, text: str) -> QuerySet[PortfolioSchool]:
        """Keep the schools that contain all the words."""
        for word in split_words(cut_search(text)):
            rows = rows.filter(school__search_text__contains=word)
        return rows

    def by_contact(self, rows: QuerySet[PortfolioSchool], name: str, contact: str) -> QuerySet[PortfolioSchool]:
        """Keep the schools with a contact address in the portfolio, without one, or without any address at all."""
        no_contact = Q(contact_email="")
        if contact == "unreachable":
            return rows.filter(no_contact, school__email="")
        return rows.filter(no_contact) if contact == "without" else rows.exclude(no_contact)


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
    every value; a school that the directory does not know raises `Refusal`. `one_by_one`: log each
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
    audit_entries += _describe_contacts(updated_action, {uai: after[uai] for uai in updated}, names)
    audit_log.record_many(audit_entries, by=by, at=at)
    return PortfolioChanges(added, before, updated)


def insert_schools(contacts: Mapping[str, SchoolContact], *, at: datetime.datetime) -> list[str]:
    """Insert those of the schools that are not in the portfolio, and return them. Writes nothing to the audit log.

    A transaction that inserts some of them at this moment is waited for. Raises `Refusal`.
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
        raise Refusal("unknown_school", f"L'annuaire ne connaît pas d'établissement « {unknown[0]} ».")
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
    restored = {uai: contacts[uai] for uai in existing}
    _update_contacts(restored)
    entries = _describe_contacts(PORTFOLIO_UPDATED_BY_LIST, restored, _school_names(restored))
    audit_log.record_many(entries, by=by, at=at)
    return len(restored)


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


def _describe_contacts(
    action: str, contacts: Mapping[str, SchoolContact], names: Mapping[str, str]
) -> list[audit_log.NewAuditEntry]:
    return [
        audit_log.NewAuditEntry(action, f"Contact de {names[uai]} ({uai}) : {_format_contact(*contact)}.", uai)
        for uai, contact in contacts.items()
    ]


def _format_contact(name: str, email: str, phone: str, classes: int | None = None) -> str:
    return ", ".join(filter(None, (name, email, phone, _format_classes(classes)))) or "celui de l'annuaire"


def _format_classes(classes: int | None) -> str:
    return "" if classes is None else f"{classes} classe{'s' if classes > 1 else ''}"


#: Upper bound of the number of classes: no school of the country has more.
MAX_CLASSES = 100


class AddedSchools(NamedTuple):
    """The UAI that were added, those already in the portfolio, and those unknown to the directory."""

    added: list[str]
    existing: list[str]
    unknown: list[str]


@transaction.atomic
def add_to_portfolio(*, uais: Collection[str], by: User | None, at: datetime.datetime) -> AddedSchools:
    """Add schools to the portfolio, leaving existing ones unchanged. The number of queries is constant."""
    requested = list(dict.fromkeys(uais))
    known = _known_schools(requested)
    entries = {uai: SchoolContact() for uai in requested if uai in known}
    changes = write_portfolio(entries=entries, by=by, at=at, one_by_one=True)
    added = set(changes.added)
    return AddedSchools(
        added=[uai for uai in requested if uai in added],
        existing=[uai for uai in requested if uai in changes.before],
        unknown=[uai for uai in requested if uai not in known],
    )


def check_contact(contact_email: str, classes: int | None) -> Iterator[tuple[str, str]]:
    """Yield field and French sentence of each error in a contact's values."""
    if classes is not None and not 0 <= classes <= MAX_CLASSES:
        yield "classes", f"Indiquez un nombre de classes de 0 à {MAX_CLASSES}."
    try:
        if contact_email:
            validate_email(contact_email)
    except ValidationError:
        yield "contact_email", f"« {contact_email} » n'est pas une adresse e-mail."


@transaction.atomic
def set_contact_email(*, uai: str, email: str, by: User, at: datetime.datetime) -> PortfolioSchool:
    """Set the address of the contact of a portfolio school, and nothing else.

    Raises `NotInPortfolio`, `Refusal`.
    """
    row = PortfolioSchool.objects.filter(school_id=uai).locked().first()
    if row is None:
        raise NotInPortfolio("Cet établissement n'est plus dans votre périmètre.")
    return set_contact(
        uai=uai,
        contact_name=row.contact_name,
        contact_email=email,
        contact_phone=row.contact_phone,
        classes=row.classes,
        by=by,
        at=at,
    )


@transaction.atomic
def set_contact(
    *,
    uai: str,
    contact_name: str,
    contact_email: str,
    contact_phone: str,
    classes: int | None,
    by: User,
    at: datetime.datetime,
) -> PortfolioSchool:
    """Set the contact and the number of classes of a portfolio school.

    An empty e-mail address means the directory's. Raises `NotInPortfolio`, `Refusal`.
    """
    row = PortfolioSchool.objects.select_related("school").filter(school_id=uai).locked().first()
    if row is None:
        raise NotInPortfolio("Cet établissement n'est plus dans votre périmètre.")
    contact_email = contact_email.strip()
    for _, sentence in check_contact(contact_email, classes):
        raise Refusal("invalid_contact", sentence)
    values = {
        "contact_name": " ".join(contact_name.split()),
        "contact_email": contact_email,
        "contact_phone": " ".join(contact_phone.split()),
        "classes": classes,
    }
    if all(getattr(row, name) == value for name, value in values.items()):
        return row
    for name, value in values.items():
        setattr(row, name, value)
    row.save(update_fields=list(values))
    contact = _format_contact(row.contact_name, row.contact_email, row.contact_phone)
    class_count = "" if classes is None else f" {_format_classes(classes)}."
    audit_log.record(
        action="portfolio.contact_updated",
        by=by,
        at=at,
        summary=f"Contact de {row.school.name} ({uai}) : {contact}.{class_count}",
        school_id=uai,
    )
    return row


# Add many schools of the directory to the portfolio by one act, and undo that within the hour.
#
# The act is one entry of the audit log. Its moment is `added_at` of each of its schools, and by that moment it is
# undone.

#: How long after an addition it can be undone.
UNDOABLE_FOR = datetime.timedelta(hours=1)
_UNDONE = "portfolio.addition_undone"


class UndoableAddition(NamedTuple):
    """An addition that can still be undone: its moment, its line in the audit log, and how many schools are left."""

    added_at: datetime.datetime
    summary: str
    schools: int

    @property
    def undoable_until(self) -> datetime.datetime:
        """The moment from which it cannot be undone."""
        return self.added_at + UNDOABLE_FOR


class UndoneAddition(NamedTuple):
    """The schools that leave the portfolio, and the number of those that stay as they hold something."""

    removed: list[str]
    kept: int


def must_type_number(*, added: int, before: int) -> bool:
    """Return whether the number of schools to add must be typed: over 30 % of a portfolio of five schools or more."""
    return is_large_share(added, before, schools_served=before)


@transaction.atomic
def add_schools(*, uais: Collection[str], what: str, by: User | None, at: datetime.datetime) -> list[str]:
    """Add schools of the directory; return those that were not in the portfolio. Four queries at most.

    `what` names them in the audit log, in the plural: « écoles publiques de Nîmes ». Schools that somebody else adds
    meanwhile are waited for, and left to them.
    """
    added = insert_schools(dict.fromkeys(uais, SchoolContact()), at=at)
    if added:
        audit_log.record(
            action=PORTFOLIO_ADDED_AT_ONCE,
            by=by,
            at=at,
            summary=f"Ajout au périmètre : {formatting.number(len(added))}{formatting.NO_BREAK_SPACE}{what}.",
        )
    return added


def preview_undo(*, added_at: datetime.datetime, holding: QuerySet[Any], at: datetime.datetime) -> UndoneAddition:
    """Return what `undo_addition` would do; it raises the same."""
    _find_addition(added_at, at)
    rows = PortfolioSchool.objects.filter(added_at=added_at)
    removed = list(_filter_empty(rows, holding).values_list("school_id", flat=True))
    return UndoneAddition(removed, rows.count() - len(removed))


def build_undo_guard(*, removed: int, before: int) -> ConfirmationGuard | None:
    """Return the guard on removing so many schools from a portfolio; None up to 30 % of it, or under five schools."""
    if not is_large_share(removed, before, schools_served=before):
        return None
    schools = formatting.pluralize(removed, "école")
    leave = "quitte" if removed == 1 else "quittent"
    return ConfirmationGuard(
        removed,
        f"{schools} sur les {formatting.number(before)} de votre périmètre le {leave}. Tapez ce nombre d'écoles pour"
        " confirmer.",
    )


@transaction.atomic
def undo_addition(
    *, added_at: datetime.datetime, holding: QuerySet[Any], by: User | None, at: datetime.datetime
) -> UndoneAddition:
    """Remove the schools of an addition that hold nothing: no contact, no number of classes, none of `holding`.

    `holding`: the UAI of schools with licences. Idempotent: what is removed already is not counted again. Refused
    where the hour is over, or nothing was added at that moment.
    """
    addition = _find_addition(added_at, at)
    rows = PortfolioSchool.objects.filter(added_at=added_at)
    # Locked before they are looked at: an import that fills in a contact meanwhile is waited for.
    locked = list(rows.locked().values_list("pk", flat=True))
    removed = list(_filter_empty(rows.filter(pk__in=locked), holding).values_list("school_id", flat=True))
    PortfolioSchool.objects.filter(school_id__in_array=removed).delete()
    if removed:
        audit_log.record(
            action=_UNDONE,
            by=by,
            at=at,
            summary=f"Ajout annulé : {formatting.pluralize(len(removed), 'école')} hors du périmètre.",
            object_type="addition",
            object_id=addition.pk,
        )
    return UndoneAddition(removed, len(locked) - len(removed))


def _find_addition(added_at: datetime.datetime, at: datetime.datetime) -> AuditEntry:
    addition = AuditEntry.objects.filter(action=PORTFOLIO_ADDED_AT_ONCE, at=added_at).first()
    if addition is None:
        raise Refusal("addition_not_undoable", "Aucun ajout d'écoles n'a été fait à ce moment-là.")
    if at >= added_at + UNDOABLE_FOR:
        raise Refusal(
            "addition_not_undoable",
            "Cet ajout date de plus d'une heure : retirez ses écoles dans « Écoles », en les cochant.",
        )
    return addition


def _filter_empty(rows: QuerySet[PortfolioSchool], holding: QuerySet[Any]) -> QuerySet[PortfolioSchool]:
    empty = rows.filter(contact_name="", contact_email="", contact_phone="", classes=None)
    return empty.exclude(school_id__in=holding)


def list_undoable_additions(at: datetime.datetime) -> list[UndoableAddition]:
    """Return what was added within the hour, not undone and still in the portfolio, the latest first.

    Two queries at most.
    """
    recent = AuditEntry.objects.filter(at__gt=at - UNDOABLE_FOR, at__lte=at)
    undone = recent.filter(action=_UNDONE, object_id=OuterRef("pk"))
    entries = recent.filter(~Exists(undone), action=PORTFOLIO_ADDED_AT_ONCE)
    summaries = dict(entries.order_by("-at", "-pk").values_list("at", "summary"))
    if not summaries:
        return []
    left = PortfolioSchool.objects.filter(added_at__in=summaries).values_list("added_at")
    counts = dict(left.annotate(schools=Count("pk")).order_by())
    return [
        UndoableAddition(moment, summary, counts[moment]) for moment, summary in summaries.items() if moment in counts
    ]


# The portfolio operations of the API: write one school, write or remove a list, all or nothing.
#
# Absent fields keep their value; fields that are present are written, even if empty. A list is logged once as a whole,
# for the home page, and once for each school, for its timeline.


class PortfolioRowResult(models.TextChoices):
    """Outcome for one school of a list."""

    ADDED = "added", "Ajoutée"
    UPDATED = "updated", "Mise à jour"
    UNCHANGED = "unchanged", "Inchangée"


def put_in_portfolio(
    *, uai: str, fields: Mapping[str, Any], by: User | None, at: datetime.datetime
) -> PortfolioRowResult:
    """Add a school to the portfolio, or update its fields. Raises `Refusal`, `InvalidRows`."""
    with transaction.atomic():
        code = codes.normalise(uai)
        if not _known_schools([code]):
            raise Refusal("unknown_school", f"L'annuaire ne connaît pas d'établissement « {code[:20]} ».")
        _raise_if_any(_check_contact(0, fields))
        written = write_portfolio(entries={code: _contact_change(fields)}, by=by, at=at, one_by_one=True)
    return _results([code], written.added, written.updated)[0]


@transaction.atomic
def write_portfolio_list(
    *, rows: Sequence[tuple[str, Mapping[str, Any]]], by: User | None, at: datetime.datetime
) -> list[tuple[str, PortfolioRowResult]]:
    """Write schools with their fields, all or nothing; return UAI and outcome of each.

    The number of queries is constant. Raises `InvalidRows`, which lists every error: a school unknown to the
    directory, a duplicate, an invalid e-mail address or number of classes.
    """
    uais = [codes.normalise(uai) for uai, _ in rows]
    row_errors = list(check_schools(enumerate(uais)))
    for index, (_, fields) in enumerate(rows):
        row_errors += _check_contact(index, fields)
    _raise_if_any(row_errors)
    entries = {uai: _contact_change(fields) for uai, (_, fields) in zip(uais, rows, strict=True)}
    written = write_portfolio(entries=entries, by=by, at=at)
    if written.added or written.updated:
        audit_log.record(
            action="portfolio.bulk_updated",
            by=by,
            at=at,
            summary=(
                f"Liste de {pluralize(len(rows), 'école')} écrite dans le périmètre :"
                f" {pluralize(len(written.added), 'ajoutée')},"
                f" {pluralize(len(written.updated), 'mise à jour', 'mises à jour')}."
            ),
        )
    return list(zip(uais, _results(uais, written.added, written.updated), strict=True))


@transaction.atomic
def remove_portfolio_list(*, uais: Sequence[str], by: User | None, at: datetime.datetime) -> list[tuple[str, bool]]:
    """Remove schools from the portfolio; return UAI of each and whether it was in it. Allocations are kept.

    Idempotent; of duplicates in the list, the first counts as removed.
    """
    requested = [codes.normalise(uai) for uai in uais]
    removed = set(remove_from_portfolio(uais={uai for uai in requested if codes.is_valid(uai)}, by=by, at=at))
    if removed:
        audit_log.record(
            action="portfolio.bulk_removed",
            by=by,
            at=at,
            summary=(
                f"Liste retirée du périmètre : {pluralize(len(removed), 'école')} ; ce qui leur a été attribué ne "
                "change pas."
            ),
        )
    outcomes = []
    for uai in requested:
        outcomes.append((uai, uai in removed))
        removed.discard(uai)
    return outcomes


def check_schools(indexed: Iterable[tuple[int, str]]) -> Iterator[PortfolioRowError]:
    """Yield errors for unknown and duplicate schools, given as (index, UAI). One query."""
    rows = list(indexed)
    known = _known_schools({uai for _, uai in rows})
    seen: set[str] = set()
    for index, uai in rows:
        if uai not in known:
            yield PortfolioRowError(
                index, "uai", "unknown_school", f"L'annuaire ne connaît pas d'établissement « {uai[:20]} »."
            )
        elif uai in seen:
            yield PortfolioRowError(index, "uai", "duplicate_school", f"{uai} figure deux fois dans la liste.")
        seen.add(uai)


def _known_schools(uais: Iterable[str]) -> set[str]:
    valid = [uai for uai in uais if codes.is_valid(uai)]
    return set(School.objects.filter(uai__in_array=valid).values_list("uai", flat=True))


def _check_contact(index: int, fields: Mapping[str, Any]) -> Iterator[PortfolioRowError]:
    for name, sentence in check_contact(fields.get("contact_email") or "", fields.get("classes")):
        yield PortfolioRowError(index, name, "invalid_contact", sentence)


def _raise_if_any(row_errors: Iterable[PortfolioRowError]) -> None:
    ordered = sorted(row_errors)
    if ordered:
        raise InvalidRows(ordered)


def _contact_change(fields: Mapping[str, Any]) -> ContactChange:
    """Return the fields as a `ContactChange`: null becomes an empty string, spaces are normalised."""
    return ContactChange(
        {name: value if name == "classes" else " ".join((value or "").split()) for name, value in fields.items()}
    )


def _results(uais: Iterable[str], added: Iterable[str], updated: Iterable[str]) -> list[PortfolioRowResult]:
    by_uai = dict.fromkeys(updated, PortfolioRowResult.UPDATED) | dict.fromkeys(added, PortfolioRowResult.ADDED)
    return [by_uai.get(uai, PortfolioRowResult.UNCHANGED) for uai in uais]
