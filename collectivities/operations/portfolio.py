"""Add schools to the portfolio and set their contacts, from the office's pages."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterator
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from accounts.models import User
from collectivities import audit_log
from collectivities.exceptions import InvalidContact, NotInPortfolio
from collectivities.models import PortfolioSchool
from collectivities.operations.portfolio_store import SchoolContact, write_portfolio
from schools.models import School

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
    known = set(School.objects.filter(pk__in=requested).values_list("uai", flat=True))
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

    Raises `NotInPortfolio`, `InvalidContact`.
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

    An empty e-mail address means the directory's. Raises `NotInPortfolio`, `InvalidContact`.
    """
    row = PortfolioSchool.objects.select_related("school").filter(school_id=uai).locked().first()
    if row is None:
        raise NotInPortfolio("Cet établissement n'est plus dans votre périmètre.")
    contact_email = contact_email.strip()
    for _, sentence in check_contact(contact_email, classes):
        raise InvalidContact(sentence)
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
    contact = (
        ", ".join(part for part in (row.contact_name, row.contact_email, row.contact_phone) if part)
        or "celui de l'annuaire"
    )
    class_count = "" if classes is None else f" {classes} classe{'s' if classes > 1 else ''}."
    audit_log.record(
        action="portfolio.contact_updated",
        by=by,
        at=at,
        summary=f"Contact de {row.school.name} ({uai}) : {contact}.{class_count}",
        school_id=uai,
    )
    return row
