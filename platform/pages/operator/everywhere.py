"""« Rechercher partout »: anyone and anything by UAI, e-mail address or key, across all collectivities.

A key is looked up sealed; it is written nowhere, not even back into the page.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db.models import Count, Q

from accounts.models import User
from licensing.orders.models import Order
from licensing.subscriptions.keys import Typo
from licensing.subscriptions.models import ActivationKey
from licensing.subscriptions.queries import find_key
from schools import uai
from schools.models import Affiliation, School
from tenants.across import ask_all

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from django.db.models import QuerySet

MOST_KEYS = 200

_SCHOOL = """
SELECT 'École du périmètre', concat_ws(' ', contact_name, contact_email)
FROM {schema}.collectivities_schoolinremit WHERE school_id = %s
UNION ALL SELECT 'Attribution', 'n° ' || id || ', ' || units || ' licence(s) à ' || recipient
  || CASE WHEN revoked_at IS NULL THEN '' ELSE ', reprise' END
FROM {schema}.pools_allocation WHERE school_id = %s
"""
_ADDRESS = """
SELECT 'Membre', array_to_string(roles, ', ') || CASE WHEN left_at IS NULL THEN '' ELSE ' (parti)' END
FROM {schema}.collectivities_member WHERE user_id = ANY(%s)
UNION ALL SELECT 'Invitation', to_char(created_at, 'DD/MM/YYYY')
FROM {schema}.collectivities_invitation WHERE lower(email) = %s
UNION ALL SELECT 'Contact d''une école', school_id
FROM {schema}.collectivities_schoolinremit WHERE lower(contact_email) = %s
UNION ALL SELECT 'Attribution', 'n° ' || id || ', ' || units || ' licence(s), école ' || school_id
FROM {schema}.pools_allocation WHERE lower(recipient) = %s
UNION ALL SELECT 'E-mails', count(*) || ' (' || state || ')'
FROM {schema}.mailing_message WHERE lower(recipient) = %s GROUP BY state
"""
_KEY = """
SELECT 'Attribution', 'n° ' || id || ', ' || units || ' licence(s), école ' || school_id || ', à ' || recipient
FROM {schema}.pools_allocation WHERE key_id = %s
"""


@dataclass
class Line:
    """Something found in a collectivity's office."""

    collectivity: object
    what: str
    detail: str


@dataclass
class Found:
    """What a search found. `said` is what was understood, and never the key itself."""

    said: str
    problem: str = ""
    schools: list[School] = field(default_factory=list)
    people: list[User] = field(default_factory=list)
    keys: list[ActivationKey] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    @property
    def nothing(self) -> bool:
        """Whether nothing at all was found."""
        return not (self.problem or self.schools or self.people or self.keys or self.orders or self.lines)


def find(text: str) -> Found:
    """Return what is known of a UAI, an e-mail address or a key, whichever `text` is."""
    text = text.strip()
    code = uai.normalise(text)
    if uai.is_valid(code):
        return _by_uai(code)
    if "@" in text:
        return _by_address(text.lower())
    if not text:
        return Found("", problem="Saisissez un UAI, une adresse e-mail ou une clé.")
    return _by_key(text)


def _by_uai(code: str) -> Found:
    leads = Affiliation.objects.filter(school_id=code).values("user")
    return Found(
        f"UAI {code}",
        schools=list(School.objects.filter(pk=code)),
        people=list(User.objects.filter(pk__in=leads).order_by("profile", "last_name", "pk")),
        keys=list(_keys(Q(school_id=code))),
        orders=list(_orders(Q(school=code))),
        lines=_lines(_SCHOOL, [code, code]),
    )


def _by_address(address: str) -> Found:
    people = list(User.objects.filter(email__iexact=address).order_by("pk"))
    return Found(
        f"adresse {address}",
        schools=list(School.objects.filter(email__iexact=address)),
        people=people,
        keys=list(_keys(Q(redeemed_by__in=people))) if people else [],
        orders=list(_orders(Q(placed_by__in=people) | Q(bill_email__iexact=address))),
        lines=_lines(_ADDRESS, [[one.pk for one in people], *[address] * 4]),
    )


def _by_key(text: str) -> Found:
    try:
        key = find_key(text)
    except Typo as typo:
        return Found("clé", problem=str(typo))
    if key is None:
        return Found("clé", problem="Cette clé est bien formée, mais n'a jamais été émise.")
    (found,) = _keys(Q(pk=key.pk))
    return Found(
        "clé",
        schools=[found.school] if found.school else [],
        people=[found.redeemed_by] if found.redeemed_by else [],
        keys=[found],
        orders=list(_orders(Q(lines__source=found.source_id))),
        lines=_lines(_KEY, [found.pk]),
    )


def _keys(condition: Q) -> QuerySet[ActivationKey]:
    return (
        ActivationKey.objects.filter(condition)
        .select_related("source__collectivity", "school", "redeemed_by", "subscription")
        .annotate(held=Count("subscription__seats", filter=Q(subscription__seats__holder__isnull=False)))
        .order_by("-pk")[:MOST_KEYS]
    )


def _orders(condition: Q) -> QuerySet[Order]:
    return Order.objects.filter(condition).select_related("collectivity", "school").order_by("-pk")[:MOST_KEYS]


def _lines(question: str, params: Sequence[Any]) -> list[Line]:
    return [Line(row.collectivity, *map(str, row.values)) for row in ask_all(question, params)]
