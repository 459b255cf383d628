"""Personal data about affiliations: export, and erasure when an account is deleted."""

from __future__ import annotations

import datetime
from typing import Any

from accounts.models import User
from schools.models import Affiliation, PrincipalEvent, PrincipalRequest


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
