"""Who is an operator, and may act as one: the rule of the back office, and of whatever an operator opens from there."""

from __future__ import annotations

from typing import cast

from django.conf import settings
from django.contrib.auth.models import AnonymousUser

from accounts import second_factor
from accounts.models import User


def is_operator(user: User | AnonymousUser) -> bool:
    """Return whether the account is an active operator's."""
    return bool(user.is_active and user.is_staff and user.is_superuser)


def lacks_second_factor(user: User | AnonymousUser) -> bool:
    """Return whether an operator has no second factor although the settings require one."""
    return settings.OPERATOR_SECOND_FACTOR and not second_factor.is_enabled(cast("User", user))


def may_operate(user: User | AnonymousUser) -> bool:
    """Return whether the account may act as an operator now."""
    return is_operator(user) and not lacks_second_factor(user)
