"""What is read about an account beside its own row."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from allauth.account.models import EmailAddress
from django.db.models import OuterRef, Subquery, Value
from django.db.models.functions import Coalesce

from accounts import second_factor
from accounts.models import User

if TYPE_CHECKING:
    from django.db.models import QuerySet


class AccountState(NamedTuple):
    """What « Mon compte » says: whether there is a second factor, and the address that waits to be confirmed."""

    second_factor: bool
    new_address: str


def addresses_asked_for() -> QuerySet[EmailAddress]:
    """Return the addresses that accounts are moving to and have not confirmed."""
    return EmailAddress.objects.filter(verified=False, primary=False).order_by("-pk")  # type: ignore[no-any-return]


def state_of(user: User) -> AccountState:
    """Return the state of an account, by one query."""
    asked = addresses_asked_for().filter(user_id=OuterRef("pk")).values("email")[:1]
    found = (
        User.objects.filter(pk=user.pk)
        .values_list(
            second_factor.exists_for(OuterRef("pk")),
            Coalesce(Subquery(asked), Value("")),
        )
        .get()
    )
    return AccountState(*found)
