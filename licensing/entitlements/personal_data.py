"""Personal data held in keys and licences: export, and release when an account is deleted.

Keys redeemed by and subscriptions credited to a deleted account stay with the school; the account is anonymised.
"""

import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from accounts.models import Profile, User
from licensing.entitlements import notifications
from licensing.entitlements.models import ActivationKey, Entitlement, Seat, SeatEvent, Subscription
from licensing.entitlements.wording import name_with_commune


@transaction.atomic
def release_all_seats(user: User, *, at: datetime.datetime) -> int:
    """Release every seat held by a user and return how many there were.

    Classes and pupils stay with their seats. The principals of each subscription and the collectivities are notified
    that a licence is free again, not by whom it was held.
    """
    seats = list(
        Seat.objects.filter(holder=user)
        .locked()
        .select_related(
            "subscription__key__entitlement__collectivity", "subscription__principal", "subscription__school"
        )
    )
    if not seats:
        return 0
    Seat.objects.filter(pk__in=[seat.pk for seat in seats]).update(holder=None, held_since=None, mode="")
    SeatEvent.objects.bulk_create(
        SeatEvent(seat=seat, kind=SeatEvent.Kind.WITHDRAWN, teacher=user, by=user, at=at) for seat in seats
    )
    for seat in seats:
        notifications.notify_principals_of_departure(seat, user, at)
        notifications.notify_collectivity(seat.subscription.key, "released", at)
    return len(seats)


def list_held_seats(user: User) -> list[Seat]:
    """Return the seats held by the user, with related rows for display. One query."""
    return list(
        Seat.objects.filter(holder=user)
        .select_related("subscription__key__entitlement__product", "subscription__school", "subscription__principal")
        .order_by("held_since", "pk")
    )


def list_credited_subscriptions(user: User) -> list[Subscription]:
    """Return the subscriptions credited to the user's account. One query."""
    return list(
        Subscription.objects.filter(principal=user)
        .select_related("key__entitlement__product", "key__entitlement__collectivity", "school", "principal")
        .order_by("opened_at", "pk")
    )


def is_left_to_nobody(subscription: Subscription) -> bool:
    """Return whether nobody administers the subscription any more, once the account that it is credited to is closed.

    That is so of a school typed by hand, for which no other principal can be verified; a subscription that a teacher
    bought for themselves was administered by nobody else.
    """
    return subscription.school_id is None and subscription.principal.profile != Profile.TEACHER


def export_personal_data(user: User) -> dict[str, Any]:
    """Export the user's keys, subscriptions, seats and events, without codes or names of others.

    Four queries.
    """
    keys = (
        ActivationKey.objects.filter(redeemed_by=user)
        .select_related("entitlement__product", "entitlement__collectivity", "school")
        .order_by("redeemed_at", "pk")
    )
    events = (
        SeatEvent.objects.filter(Q(teacher=user) | Q(by=user))
        .select_related("seat__subscription__key__entitlement__product", "seat__subscription__school")
        .order_by("at", "pk")
    )
    return {
        "clés activées": [
            _describe_provenance(key.entitlement)
            | {
                "clé n°": key.pk,
                "destinée à": name_with_commune(key.school) if key.school else "",
                "licences": key.units,
                "activée le": key.redeemed_at,
            }
            for key in keys
        ],
        "abonnements crédités au compte": [
            _describe_provenance(one.key.entitlement)
            | {
                "abonnement n°": one.pk,
                "établissement": name_with_commune(one.school) if one.school else "",
                "licences": one.size,
                "ouvert le": one.opened_at,
            }
            for one in list_credited_subscriptions(user)
        ],
        "licences détenues": [
            {
                "abonnement n°": seat.subscription_id,
                "licence": str(seat.subscription.key.entitlement.product),
                "compte de rattachement": name_with_commune(seat.subscription.school)
                if seat.subscription.school
                else "",
                "clé attribuée n°": seat.number,
                "depuis le": seat.held_since,
                "manière": seat.get_mode_display(),
                "valable jusqu'au": seat.subscription.key.entitlement.open_until,
            }
            for seat in list_held_seats(user)
        ],
        "mouvements de licences": [
            {
                "abonnement n°": event.seat.subscription_id,
                "licence": str(event.seat.subscription.key.entitlement.product),
                "clé attribuée n°": event.seat.number,
                "mouvement": event.get_kind_display(),
                "le": event.at,
                # The role only: the other party is another person.
                "vous étiez": _describe_role(event, user),
            }
            for event in events
        ],
    }


def _describe_provenance(entitlement: Entitlement) -> dict[str, Any]:
    return {
        "licence": str(entitlement.product),
        "provenance": entitlement.collectivity.name if entitlement.collectivity else "achetée en boutique",
        "valable à partir du": entitlement.first_day,
        "valable jusqu'au": entitlement.last_day,
    }


def _describe_role(event: SeatEvent, user: User) -> str:
    if event.teacher_id != user.pk:
        return "la personne qui agit"
    return "l'enseignant, par votre propre geste" if event.by_id == user.pk else "l'enseignant"
