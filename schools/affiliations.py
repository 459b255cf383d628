"""Which school a person belongs to: chosen in the directory, typed by hand, joined, verified, handed over, left.

Whatever changes who leads a school is written down (`schools.heads.events`), and told to those whom it concerns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db import transaction
from django.db.models import Exists

from schools.heads import events, notices
from schools.heads.queries import replaced_since, verified_heads
from schools.models import Affiliation, HeadEvent, Verification

if TYPE_CHECKING:
    import datetime

    from accounts.models import User
    from schools.models import School


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
def leave(*, user: User, affiliation_id: int, at: datetime.datetime) -> None:
    """Detach the person from a school; the keys he activated for it stay with the school."""
    affiliation = user.affiliations.filter(pk=affiliation_id).first()
    if affiliation is None:
        return
    if affiliation.verified_at is not None and affiliation.school_id is not None:
        events.record(HeadEvent.Kind.LEFT, school_id=affiliation.school_id, user=user, by=user, at=at)
    affiliation.delete()


@transaction.atomic
def verify(
    *,
    affiliation: Affiliation,
    means: Verification,
    at: datetime.datetime,
    by: User | None = None,
    known_since: datetime.datetime | None = None,
) -> bool:
    """Note that the principal was shown to lead this school, and by what means; return whether this is new.

    `by`: the operator who vouches for him. `known_since`: when what proves it was sent to the mailbox; it proves
    nothing of somebody whose successor took over since. Those who lead the school already are told.
    """
    if affiliation.school_id is None:
        return False
    waiting = Affiliation.objects.filter(pk=affiliation.pk, verified_at=None)
    if known_since is not None:
        waiting = waiting.exclude(Exists(replaced_since(known_since)))
    if not waiting.update(verified_at=at, verified_by=means):
        return False
    affiliation.verified_at, affiliation.verified_by = at, means
    events.record(
        HeadEvent.Kind.VERIFIED, school_id=affiliation.school_id, user=affiliation.user, by=by, means=means, at=at
    )
    for colleague in verified_heads(affiliation.school_id).exclude(user=affiliation.user_id):
        notices.tell_joined(colleague.user, affiliation.user, affiliation.school_id, at)
    return True


@transaction.atomic
def replaced(*, affiliation: Affiliation, successor: User, at: datetime.datetime) -> None:
    """Note that somebody took the school over from this principal, and tell him. He stays attached, unverified."""
    if affiliation.school_id is None:
        raise ValueError("Nobody leads a school that was typed by hand.")
    Affiliation.objects.filter(pk=affiliation.pk).update(verified_at=None, verified_by="")
    events.record(
        HeadEvent.Kind.REPLACED,
        school_id=affiliation.school_id,
        user=affiliation.user,
        by=successor,
        means=Verification.MAILBOX,
        at=at,
    )
    notices.tell_replaced(affiliation.user, successor, affiliation.school_id, at)
