"""« Rechercher partout »: search by UAI, e-mail address, key or invoice, across all collectivities.

A key is looked up by its sealed form; it is never stored, logged or shown again on the page. What may be a mistyped key
is searched among invoices by its number or amount alone, never as a name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db.models import Count, Q

from accounts.models import User
from licensing.billing import invoice_search
from licensing.billing.models import Invoice
from licensing.entitlements.keys import InvalidKey
from licensing.entitlements.models import ActivationKey
from licensing.entitlements.queries import find_key
from licensing.orders.models import Order
from schools import uai
from schools.models import Affiliation, School
from tenants.cross_schema import query_all

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from django.db.models import QuerySet

_MAX_RESULTS = 200
#: A group of letters and digits, as those of a key are: no name goes into a query that has one.
_MAY_BE_A_KEY = re.compile(r"[a-z][0-9]|[0-9][a-z]", re.IGNORECASE)

_SCHOOL_SQL = """
SELECT 'École du périmètre', concat_ws(' ', contact_name, contact_email)
FROM {schema}.collectivities_portfolioschool WHERE school_id = %s
UNION ALL SELECT 'Attribution', 'n° ' || id || ', ' || units || ' licence(s) à ' || recipient
  || CASE WHEN revoked_at IS NULL THEN '' ELSE ', reprise' END
FROM {schema}.pools_allocation WHERE school_id = %s
"""
_EMAIL_SQL = """
SELECT 'Membre', array_to_string(roles, ', ') || CASE WHEN left_at IS NULL THEN '' ELSE ' (parti)' END
FROM {schema}.collectivities_member WHERE user_id = ANY(%s)
UNION ALL SELECT 'Invitation', to_char(created_at, 'DD/MM/YYYY')
FROM {schema}.collectivities_invitation WHERE lower(email) = %s
UNION ALL SELECT 'Contact d''une école', school_id
FROM {schema}.collectivities_portfolioschool WHERE lower(contact_email) = %s
UNION ALL SELECT 'Attribution', 'n° ' || id || ', ' || units || ' licence(s), école ' || school_id
FROM {schema}.pools_allocation WHERE lower(recipient) = %s
UNION ALL SELECT 'E-mails', count(*) || ' (' || state || ')'
FROM {schema}.mailing_message WHERE lower(recipient) = %s GROUP BY state
"""
_KEY_SQL = """
SELECT 'Attribution', 'n° ' || id || ', ' || units || ' licence(s), école ' || school_id || ', à ' || recipient
FROM {schema}.pools_allocation WHERE key_id = %s
"""


@dataclass
class OfficeMatch:
    """A match in a collectivity's schema."""

    collectivity: object
    kind: str
    detail: str


@dataclass
class GlobalSearchResult:
    """Search results. `query_label` describes the interpreted query; it never contains a key."""

    query_label: str
    problem: str = ""
    schools: list[School] = field(default_factory=list)
    people: list[User] = field(default_factory=list)
    keys: list[ActivationKey] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    invoices: list[Invoice] = field(default_factory=list)
    lines: list[OfficeMatch] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether there are no results."""
        found = (self.schools, self.people, self.keys, self.orders, self.invoices, self.lines)
        return not self.problem and not any(found)


def search_everywhere(text: str) -> GlobalSearchResult:
    """Search for `text` as a UAI, an e-mail address, a key or what an invoice says, whichever it is."""
    text = text.strip()
    school_uai = uai.normalise(text)
    if uai.is_valid(school_uai):
        return _by_uai(school_uai)
    if "@" in text:
        return _by_email(text.lower())
    if not text:
        return GlobalSearchResult("", problem="Saisissez un UAI, une adresse e-mail, une clé ou une facture.")
    return _by_key(text)


def _by_uai(school_uai: str) -> GlobalSearchResult:
    user_ids = Affiliation.objects.filter(school_id=school_uai).values("user")
    return GlobalSearchResult(
        f"UAI {school_uai}",
        schools=list(School.objects.filter(pk=school_uai)),
        people=list(User.objects.filter(pk__in=user_ids).order_by("profile", "last_name", "pk")),
        keys=list(_find_keys(Q(school_id=school_uai))),
        orders=list(_find_orders(Q(school=school_uai))),
        lines=_find_in_offices(_SCHOOL_SQL, [school_uai, school_uai]),
    )


def _by_email(email: str) -> GlobalSearchResult:
    people = list(User.objects.filter(email__iexact=email).order_by("pk"))
    return GlobalSearchResult(
        f"adresse {email}",
        schools=list(School.objects.filter(email__iexact=email)),
        people=people,
        keys=list(_find_keys(Q(redeemed_by__in=people))) if people else [],
        orders=list(_find_orders(Q(placed_by__in=people) | Q(bill_email__iexact=email))),
        lines=_find_in_offices(_EMAIL_SQL, [[one.pk for one in people], *[email] * 4]),
    )


def _by_key(text: str) -> GlobalSearchResult:
    try:
        key = find_key(text)
    except InvalidKey as typo:
        found_sales = _by_sale(text)
        return GlobalSearchResult("clé", problem=str(typo)) if found_sales.is_empty else found_sales
    if key is None:
        return GlobalSearchResult("clé", problem="Cette clé est bien formée, mais n'a jamais été émise.")
    (found,) = _find_keys(Q(pk=key.pk))
    return GlobalSearchResult(
        "clé",
        schools=[found.school] if found.school else [],
        people=[found.redeemed_by] if found.redeemed_by else [],
        keys=[found],
        orders=list(_find_orders(Q(lines__entitlement=found.entitlement_id))),
        lines=_find_in_offices(_KEY_SQL, [found.pk]),
    )


def _by_sale(text: str) -> GlobalSearchResult:
    """Search invoices by number, amount, order or client, and orders by number or amount."""
    terms = invoice_search.parse(text)
    invoices = invoice_search.search_invoices(Invoice.objects.all(), text, by_client=not _MAY_BE_A_KEY.search(text))
    meant = Q(pk__in=invoices.values("order"))
    if terms.order_id is not None:
        meant |= Q(pk=terms.order_id)
    if terms.amount is not None:
        meant |= Q(total_ttc=terms.amount, total_ttc__gt=0)
    return GlobalSearchResult(
        "facture ou commande",
        invoices=list(invoices.select_related("order").defer("xml").order_by("-year", "-sequence")[:_MAX_RESULTS]),
        orders=list(_find_orders(meant)),
    )


def _find_keys(condition: Q) -> QuerySet[ActivationKey]:
    return (
        ActivationKey.objects.filter(condition)
        .select_related("entitlement__collectivity", "school", "redeemed_by", "subscription")
        .annotate(held=Count("subscription__seats", filter=Q(subscription__seats__holder__isnull=False)))
        .order_by("-pk")[:_MAX_RESULTS]
    )


def _find_orders(condition: Q) -> QuerySet[Order]:
    return Order.objects.filter(condition).select_related("collectivity", "school").order_by("-pk")[:_MAX_RESULTS]


def _find_in_offices(sql: str, params: Sequence[Any]) -> list[OfficeMatch]:
    return [OfficeMatch(row.collectivity, *map(str, row.values)) for row in query_all(sql, params)]
