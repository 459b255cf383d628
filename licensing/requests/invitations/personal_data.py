"""Personal data in invitations: export, and erasure when an account is deleted."""

from collections.abc import Collection
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Lower

from accounts.models import User
from licensing.entitlements.wording import name_with_commune
from licensing.requests.invitations.models import TOPIC, TeacherInvitation
from mailing import personal_data as outbox


@transaction.atomic
def erase_addresses(user: User, *, addresses: Collection[str]) -> None:
    """Erase name and address from the invitations that the user accepted, and from ended ones of these addresses.

    A pending invitation stays: it is a school's letter to a mailbox, which may be that of several people.
    """
    mailboxes = [address.lower() for address in addresses]
    ended = TeacherInvitation.objects.alias(address=Lower("email")).filter(
        Q(accepted_by=user) | Q(address__in=mailboxes), ended_at__isnull=False
    )
    numbers = list(ended.values_list("pk", flat=True))
    outbox.anonymise(outbox.filter_by_topic(TOPIC, numbers))
    TeacherInvitation.objects.filter(pk__in=numbers).update(email="", name="")


def export_personal_data(user: User) -> dict[str, Any]:
    """Export the invitations that a user accepted, and those that they sent, without the names of others.

    Two queries.
    """
    invitations = TeacherInvitation.objects.select_related("subscription__school").order_by("created_at", "pk")
    return {
        "invitations acceptées": [
            _describe(one) | {"adresse": one.email, "nom indiqué": one.name}
            for one in invitations.filter(accepted_by=user)
        ],
        "invitations envoyées à des enseignants": [_describe(one) for one in invitations.filter(invited_by=user)],
    }


def _describe(invitation: TeacherInvitation) -> dict[str, Any]:
    school = invitation.subscription.school
    return {
        "établissement": name_with_commune(school) if school else "",
        "envoyée le": invitation.created_at,
        "relancée le": invitation.reminded_at,
        "terminée le": invitation.ended_at,
        "issue": invitation.get_outcome_display(),
    }
