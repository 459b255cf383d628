"""Affiliations of users to schools: choose, type by hand, replace, verify, leave, export and delete.

Every change of a school's principals is recorded as a `PrincipalEvent`, and the principals concerned are notified.
"""

import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction

from accounts.models import User
from schools import emails
from schools.models import Affiliation, PrincipalEvent, PrincipalRequest, School, Verification
from schools.queries import list_verified_principals


def delete_affiliations(user: User, *, at: datetime.datetime) -> None:
    """Delete the user's affiliations and verification requests.

    Principal events are kept, on an anonymised account.
    """
    affiliations = Affiliation.objects.filter(user=user)
    verified_uais = affiliations.filter(verified_at__isnull=False).order_by("pk").values_list("school_id", flat=True)
    PrincipalEvent.objects.bulk_create(
        PrincipalEvent(school_id=uai, kind=PrincipalEvent.Kind.LEFT, user=user, by=user, at=at) for uai in verified_uais
    )
    affiliations.delete()
    PrincipalRequest.objects.filter(user=user).delete()


def export_personal_data(user: User) -> dict[str, Any]:
    """Return affiliations, principal events and verification requests, for the export. Three queries."""
    return {
        "établissements": [
            _export_affiliation(affiliation)
            for affiliation in Affiliation.objects.filter(user=user).select_related("school").order_by("pk")
        ],
        "direction d'établissement": [
            {
                "établissement": str(event.school),
                "événement": event.get_kind_display(),
                "moyen": event.get_means_display(),
                "le": event.at,
            }
            for event in PrincipalEvent.objects.filter(user=user).select_related("school").order_by("at", "pk")
        ],
        "demandes à l'adresse officielle": [
            {
                "établissement": str(request.school),
                "demandé le": request.requested_at,
                "valable jusqu'au": request.expires_at,
                "confirmé le": request.confirmed_at,
            }
            for request in PrincipalRequest.objects.filter(user=user).select_related("school").order_by("pk")
        ],
    }


def _export_affiliation(affiliation: Affiliation) -> dict[str, Any]:
    if affiliation.school is not None:
        place = {
            "nom": affiliation.school.name,
            "commune": affiliation.school.commune,
            "UAI": affiliation.school_id,
            "choisi": "dans l'annuaire",
        }
    else:
        place = {
            "nom": affiliation.name,
            "adresse": affiliation.address,
            "adresse suite": affiliation.address_extra,
            "code postal": affiliation.postal_code,
            "ville": affiliation.city,
            "pays": affiliation.country,
            "choisi": "saisi à la main",
        }
    return place | {
        "depuis le": affiliation.since,
        "direction vérifiée le": affiliation.verified_at,
        "direction vérifiée": affiliation.get_verified_by_display(),
    }


class TypedSchool(NamedTuple):
    """A school that the user typed by hand, not having found it in the directory."""

    name: str
    address: str
    address_extra: str
    postal_code: str
    city: str
    country: str


def record_event(
    kind: PrincipalEvent.Kind, *, school_id: str, user: User, by: User | None, at: datetime.datetime, means: str = ""
) -> PrincipalEvent:
    """Record an event about a principal, caused by `by`, if known, in the caller's transaction."""
    return PrincipalEvent.objects.create(school_id=school_id, kind=kind, user=user, by=by, means=means, at=at)


@transaction.atomic
def choose(*, user: User, school: School, at: datetime.datetime) -> Affiliation:
    """Affiliate the user with a school of the directory, and delete their hand-typed affiliation.

    Idempotent. Never verifies: a choice proves nothing.
    """
    affiliation, _ = Affiliation.objects.get_or_create(user=user, school=school, defaults={"since": at})
    user.affiliations.filter(school=None).delete()
    return affiliation


@transaction.atomic
def set_typed(*, user: User, typed: TypedSchool, at: datetime.datetime) -> Affiliation:
    """Affiliate the user with a hand-typed school, replacing the one typed before.

    Affiliations with schools of the directory are kept.
    """
    affiliation, _ = Affiliation.objects.update_or_create(
        user=user, school=None, defaults=typed._asdict(), create_defaults={**typed._asdict(), "since": at}
    )
    return affiliation


@transaction.atomic
def replace(*, user: User, school: School | None, typed: TypedSchool | None, at: datetime.datetime) -> Affiliation:
    """Affiliate the user with this school only, chosen or typed: for a teacher who changes school."""
    if school is not None:
        affiliation = choose(user=user, school=school, at=at)
    elif typed is not None:
        affiliation = set_typed(user=user, typed=typed, at=at)
    else:
        raise ValueError("A school is chosen or typed.")
    user.affiliations.exclude(pk=affiliation.pk).delete()
    return affiliation


@transaction.atomic
def leave(*, user: User, affiliation_id: int, at: datetime.datetime) -> None:
    """End an affiliation; keys that the user redeemed for the school stay with it."""
    affiliation = user.affiliations.filter(pk=affiliation_id).first()
    if affiliation is None:
        return
    if affiliation.verified_at is not None and affiliation.school_id is not None:
        record_event(PrincipalEvent.Kind.LEFT, school_id=affiliation.school_id, user=user, by=user, at=at)
    affiliation.delete()


#: One statement, as it is part of redeeming a key. A row where the affiliation was verified, which says whether the
#: school has other verified principals.
_VERIFY = """
WITH verified AS (
    UPDATE public.schools_affiliation AS affiliation SET verified_at = %(at)s, verified_by = %(means)s
    WHERE id = %(affiliation)s AND verified_at IS NULL AND NOT EXISTS (
        SELECT FROM public.schools_principalevent AS event
        WHERE event.school_id = affiliation.school_id AND event.user_id = affiliation.user_id
          AND event.kind = %(replaced)s AND event.at >= %(proof_sent_at)s
    )
    RETURNING user_id, school_id
), recorded AS (
    INSERT INTO public.schools_principalevent (school_id, kind, user_id, by_id, means, at)
    SELECT school_id, %(verified)s, user_id, %(by)s, %(means)s, %(at)s FROM verified
)
SELECT EXISTS (
    SELECT FROM public.schools_affiliation AS other
    WHERE other.school_id = verified.school_id AND other.user_id <> verified.user_id AND other.verified_at IS NOT NULL
) FROM verified
"""


@transaction.atomic(savepoint=False)
def verify(
    *,
    affiliation: Affiliation,
    means: Verification,
    at: datetime.datetime,
    by: User | None = None,
    proof_sent_at: datetime.datetime | None = None,
) -> bool:
    """Mark the affiliation as verified, by these means; return whether it was unverified before.

    `by`: the operator who verified it by hand. `proof_sent_at`: when the proof was sent to the school's mailbox; the
    proof is void where a successor replaced the user since. The school's other principals are notified.
    """
    if affiliation.school_id is None:
        return False
    with connection.cursor() as cursor:
        cursor.execute(
            _VERIFY,
            {
                "affiliation": affiliation.pk,
                "at": at,
                "means": means.value,
                "proof_sent_at": proof_sent_at,
                "by": by.pk if by is not None else None,
                "replaced": PrincipalEvent.Kind.REPLACED.value,
                "verified": PrincipalEvent.Kind.VERIFIED.value,
            },
        )
        row: tuple[bool] | None = cursor.fetchone()
    if row is None:
        return False
    affiliation.verified_at, affiliation.verified_by = at, means
    if row[0]:
        for colleague in list_verified_principals(affiliation.school_id).exclude(user=affiliation.user_id):
            emails.notify_joined(colleague.user, affiliation.user, affiliation.school_id, at)
    return True


@transaction.atomic
def mark_replaced(*, affiliation: Affiliation, successor: User, at: datetime.datetime) -> None:
    """Record that a successor replaced this principal, and notify them. The affiliation is kept, unverified."""
    if affiliation.school_id is None:
        raise ValueError("Nobody leads a school that was typed by hand.")
    Affiliation.objects.filter(pk=affiliation.pk).update(verified_at=None, verified_by="")
    record_event(
        PrincipalEvent.Kind.REPLACED,
        school_id=affiliation.school_id,
        user=affiliation.user,
        by=successor,
        means=Verification.MAILBOX,
        at=at,
    )
    emails.notify_replaced(affiliation.user, successor, affiliation.school_id, at)
