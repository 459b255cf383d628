"""Security settings of the office."""

from __future__ import annotations

import datetime

from django.db import transaction

from accounts import second_factor
from accounts.models import User
from collectivities import audit_log, second_factor_rule
from collectivities.exceptions import SecondFactorFirst
from collectivities.models import SECOND_FACTOR_RULE_TOPIC, OfficeSettings, Role
from collectivities.queries import list_reachable_members
from mailing.operations import NewMessage, enqueue_many


@transaction.atomic
def set_second_factor_requirement(*, needed: bool, by: User, at: datetime.datetime) -> OfficeSettings:
    """Require a second factor of buyers and managers from their next page, or stop requiring it. Idempotent.

    The other managers are told by e-mail. Raises `SecondFactorFirst` where the manager who requires it has none: they
    would be locked out.
    """
    OfficeSettings.objects.get_or_create(pk=1)
    settings = OfficeSettings.objects.locked().get(pk=1)
    if needed and not second_factor.is_enabled(by):
        raise SecondFactorFirst(
            "Activez d'abord la double authentification de votre propre compte : vous pourrez ensuite la demander aux "
            "gestionnaires et aux acheteurs."
        )
    if second_factor_rule.is_required(settings) == needed:
        return settings
    settings.second_factor_required = needed
    settings.save(update_fields=["second_factor_required"])
    audit_log.record(
        action="settings.second_factor_required" if needed else "settings.second_factor_optional",
        by=by,
        at=at,
        summary=(
            "La double authentification est demandée aux gestionnaires et aux acheteurs."
            if needed
            else "La double authentification n'est plus demandée aux gestionnaires et aux acheteurs."
        ),
    )
    _notify_other_managers(needed=needed, by=by, at=at)
    return settings


def _notify_other_managers(*, needed: bool, by: User, at: datetime.datetime) -> None:
    addresses = {one.user.email for one in list_reachable_members(Role.MANAGER) if one.user_id != by.pk}
    enqueue_many(
        [
            NewMessage(
                kind=SECOND_FACTOR_RULE_TOPIC,
                recipient=address,
                topic=SECOND_FACTOR_RULE_TOPIC,
                topic_id=by.pk,
                about=f"{by} ({by.username})",
                context={"needed": needed},
            )
            for address in sorted(addresses)
        ],
        at=at,
    )
