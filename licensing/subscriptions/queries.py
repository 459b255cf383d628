"""What is asked of keys and subscriptions, without changing them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils import timezone

from licensing.subscriptions import keys, sealing
from licensing.subscriptions.models import ActivationKey, Subscription
from schools.models import Affiliation

if TYPE_CHECKING:
    import datetime

    from accounts.models import User


def key_display(key: ActivationKey) -> str:
    """Return the key as people read and type it: `NIMES-7K3M-Q9TX-2HWB`. Raises `sealing.Unsealable`.

    Whoever shows it to somebody new must see to `operations.expose` first.
    """
    return keys.display(key.prefix, sealing.unseal(key.sealed_code, key.sealed_under))


def find_key(text: str) -> ActivationKey | None:
    """Return the key that somebody typed or pasted, or None. For the operator's search; raises `keys.Typo`."""
    return ActivationKey.objects.filter(sealed_code__in=sealing.candidates(keys.parse(text))).first()


def today(at: datetime.datetime) -> datetime.date:
    """Return the day it is in Paris: licences run until the last day inclusive, there."""
    return timezone.localtime(at).date()


def verified_schools(user: User) -> Q:
    """Return the condition that a row's `school` is one that this person is verified to lead."""
    led = Affiliation.objects.filter(user=user, school__isnull=False, verified_at__isnull=False)
    return Q(school__in=led.values("school"))


def administers(user: User) -> Q:
    """Return the condition that a subscription is administered by this principal.

    Those credited to his own account, for a school typed by hand or one he still belongs to, and, once verified, those
    of the schools he leads: several principals of one school share its subscriptions, and who leaves it leaves them.
    """
    here = Affiliation.objects.filter(user=user, school__isnull=False)
    own = Subscription.objects.filter(Q(school=None) | Q(school__in=here.values("school")), principal=user)
    led = Subscription.objects.filter(school__in=here.filter(verified_at__isnull=False).values("school"))
    # Each by its own index: an OR of the two would read every subscription of the country.
    return Q(pk__in=own.values("pk").union(led.values("pk")))


def administers_teachers_of(user: User, subscription: Subscription) -> bool:
    """Whether this principal may be told the names of the teachers who hold the subscription's seats."""
    return Affiliation.objects.filter(
        user=user, school=subscription.school_id, school__isnull=False, verified_at__isnull=False
    ).exists()
