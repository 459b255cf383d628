"""What the schools' side knows of a person: handed to him when he asks for it, and let go when he leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schools.models import Affiliation, HeadEvent, HeadRequest

if TYPE_CHECKING:
    import datetime

    from accounts.models import User


def leave_all(user: User, *, at: datetime.datetime) -> None:
    """Detach the account from every school, and withdraw what it asked of their mailboxes.

    What happened to a school's direction stays told, of an account that has no name any more.
    """
    attached = Affiliation.objects.filter(user=user)
    led = attached.filter(verified_at__isnull=False).order_by("pk").values_list("school_id", flat=True)
    HeadEvent.objects.bulk_create(
        HeadEvent(school_id=uai, kind=HeadEvent.Kind.LEFT, user=user, by=user, at=at) for uai in led
    )
    attached.delete()
    HeadRequest.objects.filter(user=user).delete()


def gathered(user: User) -> dict[str, Any]:
    """Return the schools the person belongs to, and what he did to lead them. Three queries."""
    return {
        "établissements": [
            _affiliation(one) for one in Affiliation.objects.filter(user=user).select_related("school").order_by("pk")
        ],
        "direction d'établissement": [
            {
                "établissement": str(event.school),
                "événement": event.get_kind_display(),
                "moyen": event.get_means_display(),
                "le": event.at,
            }
            for event in HeadEvent.objects.filter(user=user).select_related("school").order_by("at", "pk")
        ],
        "demandes à l'adresse officielle": [
            {
                "établissement": str(request.school),
                "demandé le": request.asked_at,
                "valable jusqu'au": request.expires_at,
                "confirmé le": request.confirmed_at,
            }
            for request in HeadRequest.objects.filter(user=user).select_related("school").order_by("pk")
        ],
    }


def _affiliation(one: Affiliation) -> dict[str, Any]:
    if one.school is not None:
        place = {
            "nom": one.school.name,
            "commune": one.school.commune,
            "UAI": one.school_id,
            "choisi": "dans l'annuaire",
        }
    else:
        place = {
            "nom": one.name,
            "adresse": one.address,
            "adresse suite": one.address_extra,
            "code postal": one.postal_code,
            "ville": one.city,
            "pays": one.country,
            "choisi": "saisi à la main",
        }
    return place | {
        "depuis le": one.since,
        "direction vérifiée le": one.verified_at,
        "direction vérifiée": one.get_verified_by_display(),
    }
