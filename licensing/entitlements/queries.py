"""Read-only queries on keys and subscriptions."""

import datetime
from collections.abc import Callable, Collection

from django.db.models import Q
from django.views.decorators.debug import sensitive_variables

from accounts.models import Profile, User
from core.registry import Registry
from licensing.entitlements import code_sealing, keys
from licensing.entitlements.models import ActivationKey, Seat, Subscription, SubscriptionQuerySet
from schools.models import Affiliation

#: SQL: how many seats the rows of `entitlements_seatevent AS event` leave held. Summed and not read from the latest
#: row: rows of one seat may have been written by requests that began in another order. `audit` compares with seats.
NET_SEATS_SQL = "coalesce(sum(CASE WHEN event.kind IN ('assigned', 'claimed') THEN 1 ELSE -1 END), 0)::bigint"


# Orders whose signed purchase order is being checked: `orders`, a higher layer, knows them and declares how to ask.
#
# Lots, orders and the home page of an office ask here, so that they say the same.

type ReviewFinder = Callable[[Collection[int]], set[int]]


#: By app, who knows which of some order numbers are under review.
review_finders: Registry[ReviewFinder] = Registry("finder of orders under review")


def find_orders_under_review(numbers: Collection[int]) -> set[int]:
    """Return those of the order numbers whose signed purchase order was received and waits to be checked."""
    return {number for finder in review_finders.values() for number in finder(numbers)} if numbers else set()


#: Of a school year: its licences end on 31 August.
_LAST_MONTH_OF_YEAR = 8


def is_teacher(user: User) -> bool:
    """Whether classes are the user's business: a teacher's account, or a principal who holds a seat. At most one query.

    Administrators and agents hold none.
    """
    if user.profile == Profile.PRINCIPAL:
        return Seat.objects.filter(holder=user).exists()
    return user.profile == Profile.TEACHER


def unseal_key(key: ActivationKey) -> str:
    """Return the key in clear: `NIMES-7K3M-Q9TX-2HWB`. Raises `code_sealing.UnsealableCode`.

    Call `operations.expose` before showing it to anybody new.
    """
    return keys.display(key.prefix, code_sealing.unseal(key.sealed_code, key.sealed_under))


def find_key(text: str) -> ActivationKey | None:
    """Return the key of a typed or pasted code, or None. For the operator's search. Raises `keys.InvalidKey`."""
    return code_sealing.find_by_code(keys.parse(text)).first()


@sensitive_variables("text")
def find_keys_like(text: str) -> list[ActivationKey]:
    """Return the keys that are one slip away from a mistyped one. For the operator's search; one query at most."""
    codes = keys.list_corrections(text)
    sealed = [each for code in codes for each in code_sealing.seal_under_all_keys(code)]
    return list(ActivationKey.objects.filter(sealed_code__in=sealed).order_by("pk")) if sealed else []


@sensitive_variables("symbols")
def get_key(symbols: str) -> ActivationKey | None:
    """Return the key of twelve symbols, with its giver, school and subscription; None where there is none."""
    found = code_sealing.find_by_code(symbols)
    return found.select_related("entitlement__collectivity", "school", "subscription").first()


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


def serving_same_classes(subscription: Subscription, day: datetime.date) -> SubscriptionQuerySet:
    """Return the subscriptions of the school whose licences serve the same school year, this one included.

    Those that are suspended are left out: who holds a licence of them may be given another.
    """
    last_day = subscription.key.entitlement.last_day
    return (
        Subscription.objects.available_on(day)
        .filter(school=subscription.school_id, school__isnull=False)
        .filter(ends_in_school_year(get_school_year(last_day), "key__entitlement"))
    )


def get_school_year(last_day: datetime.date) -> int:
    """Return the year in which the school year of licences ends, in August."""
    return last_day.year + (last_day.month > _LAST_MONTH_OF_YEAR)


def get_last_days(school_year: int) -> tuple[datetime.date, datetime.date]:
    """Return the last day of the school year before, and that of the school year which ends in that year."""
    before, last = (datetime.date(year, _LAST_MONTH_OF_YEAR, 31) for year in (school_year - 1, school_year))
    return before, last


def ends_in_school_year(school_year: int, entitlement: str = "") -> Q:
    """Return the condition that the last day of an entitlement, at that path or its own, is in a school year."""
    before, last = get_last_days(school_year)
    to = f"{entitlement}__" if entitlement else ""
    return Q((f"{to}last_day__gt", before), (f"{to}last_day__lte", last))


def may_see_teachers_of(user: User, subscription: Subscription) -> bool:
    """Whether this principal may see the names of the teachers who hold the subscription's seats."""
    return Affiliation.objects.filter(
        user=user, school=subscription.school_id, school__isnull=False, verified_at__isnull=False
    ).exists()
