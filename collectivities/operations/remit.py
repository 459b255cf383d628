"""The schools the collectivity answers for, and whom it writes to there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from collectivities import audit
from collectivities.exceptions import InvalidContact, NotInRemit
from collectivities.models import SchoolInRemit
from schools.models import School
from schools.wording import school_name

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Iterator

    from accounts.models import User

#: More classes than the largest school of the country has.
MOST_CLASSES = 100


class Added(NamedTuple):
    """What became of a list of UAI: those added, those that were there, those the directory does not know."""

    added: list[str]
    already: list[str]
    unknown: list[str]


@transaction.atomic
def add_to_remit(*, uais: Collection[str], by: User | None, at: datetime.datetime) -> Added:
    """Add schools to the remit, by as many queries for a thousand as for one; those already there are left alone."""
    wanted = list(dict.fromkeys(uais))
    known = dict(School.objects.filter(pk__in=wanted).values_list("uai", "name"))
    before = set(SchoolInRemit.objects.filter(school_id__in=known).values_list("school_id", flat=True))
    new = [uai for uai in wanted if uai in known and uai not in before]
    # Whoever adds the same school at this moment has added it.
    SchoolInRemit.objects.bulk_create([SchoolInRemit(school_id=uai, added_at=at) for uai in new], ignore_conflicts=True)
    audit.record_many(
        (
            audit.Entry("remit.added", f"Ajout au périmètre : {school_name(known[uai])} ({uai}).", school_id=uai)
            for uai in new
        ),
        by=by,
        at=at,
    )
    return Added(new, [uai for uai in wanted if uai in before], [uai for uai in wanted if uai not in known])


@transaction.atomic
def remove_from_remit(*, uais: Collection[str], by: User, at: datetime.datetime) -> int:
    """Take schools out of the remit; what was allocated to them stays. Return how many were in it."""
    rows = list(
        SchoolInRemit.objects.select_related("school")
        .filter(school_id__in=uais)
        .select_for_update(of=("self",))
        .order_by("pk")
    )
    SchoolInRemit.objects.filter(pk__in=[row.pk for row in rows]).delete()
    audit.record_many(
        (
            audit.Entry(
                "remit.removed",
                f"Retrait du périmètre : {school_name(row.school.name)} ({row.school_id}).",
                row.school_id,
            )
            for row in rows
        ),
        by=by,
        at=at,
    )
    return len(rows)


def problems_of(contact_email: str, classes: int | None) -> Iterator[tuple[str, str]]:
    """Yield the field and the French sentence of each thing that the remit does not take."""
    if classes is not None and not 0 <= classes <= MOST_CLASSES:
        yield "classes", f"Indiquez un nombre de classes de 0 à {MOST_CLASSES}."
    try:
        if contact_email:
            validate_email(contact_email)
    except ValidationError:
        yield "contact_email", f"« {contact_email} » n'est pas une adresse e-mail."


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
) -> SchoolInRemit:
    """Say whom the collectivity writes to at a school, and how many classes it has.

    An empty address means the directory's. Raises `NotInRemit`, `InvalidContact`.
    """
    row = (
        SchoolInRemit.objects.select_related("school")
        .filter(school_id=uai)
        .select_for_update(of=("self",), no_key=True)
        .first()
    )
    if row is None:
        raise NotInRemit("Cet établissement n'est plus dans votre périmètre.")
    contact_email = contact_email.strip()
    for _, sentence in problems_of(contact_email, classes):
        raise InvalidContact(sentence)
    wanted = {
        "contact_name": " ".join(contact_name.split()),
        "contact_email": contact_email,
        "contact_phone": " ".join(contact_phone.split()),
        "classes": classes,
    }
    if all(getattr(row, field) == value for field, value in wanted.items()):
        return row
    for field, value in wanted.items():
        setattr(row, field, value)
    row.save(update_fields=list(wanted))
    told = (
        ", ".join(part for part in (row.contact_name, row.contact_email, row.contact_phone) if part)
        or "celui de l'annuaire"
    )
    in_classes = "" if classes is None else f" {classes} classe{'s' if classes > 1 else ''}."
    audit.record(
        action="remit.contact_set",
        by=by,
        at=at,
        summary=f"Contact de {row.school.name} ({uai}) : {told}.{in_classes}",
        school_id=uai,
    )
    return row
