"""Which school a person belongs to: chosen in the directory, typed by hand, joined, verified."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db import transaction

from schools.models import Affiliation

if TYPE_CHECKING:
    import datetime

    from accounts.models import User
    from schools.models import School, Verification


class TypedSchool(NamedTuple):
    """A school that the person did not find in the directory."""

    name: str
    address: str
    address_extra: str
    postal_code: str
    city: str
    country: str


@transaction.atomic
def choose(*, user: User, school: School, at: datetime.datetime) -> Affiliation:
    """Attach the person to a school of the directory, and drop what was typed by hand for want of it.

    Choosing a school again changes nothing. Never verifies: a choice proves nothing.
    """
    affiliation, _ = Affiliation.objects.get_or_create(user=user, school=school, defaults={"since": at})
    user.affiliations.filter(school=None).delete()
    return affiliation


@transaction.atomic
def type_by_hand(*, user: User, typed: TypedSchool, at: datetime.datetime) -> Affiliation:
    """Attach the person to a school as he typed it, in the place of what he typed before.

    Schools chosen in the directory stay as they are.
    """
    affiliation, _ = Affiliation.objects.update_or_create(
        user=user, school=None, defaults=typed._asdict(), create_defaults={**typed._asdict(), "since": at}
    )
    return affiliation


@transaction.atomic
def replace(*, user: User, school: School | None, typed: TypedSchool | None, at: datetime.datetime) -> Affiliation:
    """Attach the person to this one school, chosen or typed, and to no other: what a teacher who moved does."""
    if school is not None:
        affiliation = choose(user=user, school=school, at=at)
    elif typed is not None:
        affiliation = type_by_hand(user=user, typed=typed, at=at)
    else:
        raise ValueError("A school is chosen or typed.")
    user.affiliations.exclude(pk=affiliation.pk).delete()
    return affiliation


@transaction.atomic
def leave(*, user: User, affiliation_id: int) -> None:
    """Detach the person from a school; the keys he activated for it stay with the school."""
    user.affiliations.filter(pk=affiliation_id).delete()


@transaction.atomic
def verify(*, affiliation: Affiliation, means: Verification, at: datetime.datetime) -> bool:
    """Note that the principal was shown to lead this school, and by what means; return whether this is new."""
    changed = Affiliation.objects.filter(pk=affiliation.pk, school__isnull=False, verified_at=None).update(
        verified_at=at, verified_by=means
    )
    if changed:
        affiliation.verified_at, affiliation.verified_by = at, means
    return bool(changed)
