"""Security settings of the office."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from accounts import second_factor
from collectivities import audit_log
from collectivities.exceptions import SecondFactorFirst
from collectivities.models import OfficeSettings

if TYPE_CHECKING:
    import datetime

    from accounts.models import User


@transaction.atomic
def set_second_factor_requirement(*, needed: bool, by: User, at: datetime.datetime) -> OfficeSettings:
    """Require a second factor of managers, effective from their next page, or stop requiring it. Idempotent.

    Raises `SecondFactorFirst` where the manager who requires it has none: they would be locked out.
    """
    OfficeSettings.objects.get_or_create(pk=1)
    settings = OfficeSettings.objects.locked().get(pk=1)
    if needed and not second_factor.is_enabled(by):
        raise SecondFactorFirst(
            "Activez d'abord la double authentification de votre propre compte : vous pourrez ensuite la demander à "
            "tous les gestionnaires."
        )
    if settings.managers_need_second_factor == needed:
        return settings
    settings.managers_need_second_factor = needed
    settings.save(update_fields=["managers_need_second_factor"])
    audit_log.record(
        action="settings.second_factor_required" if needed else "settings.second_factor_optional",
        by=by,
        at=at,
        summary=(
            "La double authentification est demandée aux gestionnaires."
            if needed
            else "La double authentification n'est plus demandée aux gestionnaires."
        ),
    )
    return settings
