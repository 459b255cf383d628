"""Read-only queries on keys and subscriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q
from django.views.decorators.debug import sensitive_variables

from licensing.entitlements import code_sealing, keys
from licensing.entitlements.models import ActivationKey, Subscription
from schools.models import Affiliation

if TYPE_CHECKING:
    from accounts.models import User


def unseal_key(key: ActivationKey) -> str:
    """Return the key in clear: `NIMES-7K3M-Q9TX-2HWB`. Raises `code_sealing.UnsealableCode`.

    Call `operations.expose` before showing it to anybody new.
    """
    return keys.display(key.prefix, code_sealing.unseal(key.sealed_code, key.sealed_under))


def find_key(text: str) -> ActivationKey | None:
    """Return the key of a typed or pasted code, or None. For the operator's search. Raises `keys.InvalidKey`."""
    return ActivationKey.objects.filter(sealed_code__in=code_sealing.seal_under_all_keys(keys.parse(text))).first()


@sensitive_variables("symbols")
def get_key(symbols: str) -> ActivationKey | None:
    """Return the key of twelve symbols, with its giver, school and subscription; None where there is none."""
    return (
        ActivationKey.objects.filter(sealed_code__in=code_sealing.seal_under_all_keys(symbols))
        .select_related("entitlement__collectivity", "school", "subscription")
        .first()
    )


def at_verified_schools(user: User) -> Q:
    """Return the condition that a row's `school` is one that this user is verified to lead."""
    led = Affiliation.objects.filter(user=user, school__isnull=False, verified_at__isnull=False)
    return Q(school__in=led.values("school"))


def administered_by(user: User) -> Q:
    """Return the condition that a subscription is administered by this principal.

    Those credited to their account, for a school typed by hand or one they still belong to, and those of the schools
    they are verified to lead.
    """
    affiliations = Affiliation.objects.filter(user=user, school__isnull=False)
    own = Subscription.objects.filter(Q(school=None) | Q(school__in=affiliations.values("school")), principal=user)
    led = Subscription.objects.filter(school__in=affiliations.filter(verified_at__isnull=False).values("school"))
    # A union, so that each branch uses its index: an OR would scan every subscription.
    return Q(pk__in=own.values("pk").union(led.values("pk")))


def may_see_teachers_of(user: User, subscription: Subscription) -> bool:
    """Whether this principal may see the names of the teachers who hold the subscription's seats."""
    return Affiliation.objects.filter(
        user=user, school=subscription.school_id, school__isnull=False, verified_at__isnull=False
    ).exists()
