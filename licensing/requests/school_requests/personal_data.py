"""Personal data in requests: export, and erasure when an account is deleted."""

import datetime
from typing import Any

from django.db import transaction

from accounts.models import User
from core.formatting import format_school_year
from licensing.entitlements.wording import name_with_commune
from licensing.requests.school_requests import emails
from licensing.requests.school_requests.models import (
    LicenceRequest,
    LicenceRequestEnd,
    MutedLetter,
    TeacherRequest,
)


@transaction.atomic
def withdraw_requests(user: User, *, at: datetime.datetime) -> None:
    """Withdraw what a principal asked and still waits, and erase what they wrote.

    What a collectivity gave or refused stays, without the words. Call it before seats are locked.
    """
    asked = LicenceRequest.objects.filter(asked_by=user).select_related("collectivity")
    for request in asked.pending().locked():
        # One that is granted as well: the school keeps the licences, and nobody is left to be answered.
        request.end(LicenceRequestEnd.WITHDRAWN, at, granted_until=None, accepted_units=None, key=None)
        emails.notify_office(request, "withdrawn", at)
    asked.update(reason="")


@transaction.atomic
def erase_requests(user: User) -> None:
    """Delete what a teacher asked, and the words of a principal's refusals. Call it after seats are locked."""
    TeacherRequest.objects.filter(teacher=user).delete()
    TeacherRequest.objects.filter(answered_by=user).update(answer="")
    MutedLetter.objects.filter(user=user).delete()


def export_personal_data(user: User) -> dict[str, Any]:
    """Export what a user asked as a teacher and as a principal. Three queries."""
    own = TeacherRequest.objects.filter(teacher=user).select_related("school").order_by("created_at", "pk")
    asked = LicenceRequest.objects.filter(asked_by=user).select_related("school", "collectivity")
    muted = MutedLetter.objects.filter(user=user)
    return {
        "licences demandées à une direction": [
            {
                "établissement": name_with_commune(one.school),
                "année scolaire": format_school_year(one.school_year),
                "faite le": one.created_at,
                "terminée le": one.ended_at,
                "issue": one.get_outcome_display(),
                "réponse": one.answer,
            }
            for one in own
        ],
        "licences demandées à une collectivité": [
            {
                "établissement": name_with_commune(one.school),
                "collectivité": one.collectivity.name,
                "année scolaire": format_school_year(one.school_year),
                "licences": one.units,
                "motif": one.reason,
                "envoyée le": one.created_at,
                "terminée le": one.ended_at,
                "issue": one.get_outcome_display(),
                "licences données": one.accepted_units,
                "réponse": one.answer,
            }
            for one in asked.order_by("created_at", "pk")
        ],
        "lettres que vous ne voulez pas": [{"sujet": "votre école", "depuis le": one.muted_at} for one in muted],
    }
