"""Queries about an account's second factor and e-mail addresses."""

from typing import NamedTuple

from allauth.account.models import EmailAddress
from django.db.models import OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from accounts import second_factor
from accounts.models import User


class AccountState(NamedTuple):
    """Whether the account has a second factor, and its unconfirmed new address, or an empty string."""

    second_factor: bool
    new_address: str


def list_pending_addresses() -> QuerySet[EmailAddress]:
    """Return the new addresses that accounts have not confirmed yet, the latest first."""
    return EmailAddress.objects.filter(verified=False, primary=False).order_by("-pk")


def list_confirmed_addresses(user_id: int | None) -> list[str]:
    """Return the e-mail addresses that an account has confirmed."""
    return list(EmailAddress.objects.filter(user=user_id, verified=True).values_list("email", flat=True))


def has_confirmed_address(user_id: int | None, address: str) -> bool:
    """Return whether an account has confirmed this e-mail address, and so shown that it reads its mailbox."""
    return EmailAddress.objects.filter(user=user_id, verified=True, email__iexact=address).exists()


def has_account_with_address(address: str) -> bool:
    """Return whether an active account has this confirmed address. For whoever proved that they read its mailbox."""
    return User.objects.filter(
        email__iexact=address, is_active=True, emailaddress__email=address.lower(), emailaddress__verified=True
    ).exists()


def get_account_state(user: User) -> AccountState:
    """Return the state of an account, in one query."""
    pending = list_pending_addresses().filter(user_id=OuterRef("pk")).values("email")[:1]
    row = (
        User.objects.filter(pk=user.pk)
        .values_list(
            second_factor.has_second_factor(OuterRef("pk")),
            Coalesce(Subquery(pending), Value("")),
        )
        .get()
    )
    return AccountState(*row)
