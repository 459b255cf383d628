"""Personal data held in licences that came back: export. Once an account is deleted, its acts stay, anonymised."""

from typing import Any

from accounts.models import User
from licensing.entitlements.models import ActivationKey
from licensing.entitlements.wording import name_with_commune
from licensing.requests.returns.models import LicenceReturn, ReturnRequest


def export_personal_data(user: User) -> dict[str, Any]:
    """Export what the user gave back, and what they answered to collectivities. Two queries."""
    returned = LicenceReturn.objects.filter(returned_by=user).select_related("key__school").order_by("pk")
    answered = ReturnRequest.objects.filter(answered_by=user).select_related("key__school").order_by("pk")
    return {
        "licences rendues": [
            {
                "établissement": _name(one.key),
                "licences": one.units,
                "rendues le": one.returned_at,
                "annulé le": one.undone_at,
            }
            for one in returned
        ],
        "réponses aux collectivités": [
            {
                "établissement": _name(one.key),
                "licences demandées": one.units,
                "licences rendues": one.returned_units,
                "issue": one.get_outcome_display(),
                "votre mot": one.comment,
                "le": one.answered_at,
            }
            for one in answered
        ],
    }


def _name(key: ActivationKey) -> str:
    return name_with_commune(key.school) if key.school is not None else ""
