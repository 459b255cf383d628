"""Payers: who can pay an order, which kind of buyer they are, and what their invoice needs before it is issued."""

from __future__ import annotations

from django.db.models import F

from accounts.models import Profile
from licensing.orders import preflight
from licensing.orders.buyer_kinds import BuyerKind, get_buyer_kind, get_payer, is_business
from licensing.orders.models import Order, OrderKind, Payer
from schools.models import Affiliation, School

#: What Chorus Pro asks of the invoice of a public body.
PUBLIC_REFERENCES = ("siret", "service_code", "engagement_number")
#: What the invoice of a business carries: a SIRET begins with it.
BUSINESS_REFERENCES = ("siren",)
_PAYERS = (Payer.TOWN_HALL, Payer.SCHOOL, Payer.COOPERATIVE, Payer.COMPANY, Payer.OTHER)


def list_offered_payers(order: Order) -> list[Payer]:
    """Return the payers that the shop offers, in the order of the page; a collectivity buys from its office."""
    return [payer for payer in _PAYERS if payer != Payer.SCHOOL or not explain_school_absence(order)]


def explain_school_absence(order: Order) -> str:
    """Return why no invoice can be addressed to the order's school, and who pays instead; empty if one can."""
    school = find_paying_school(order)
    if school is None and find_affiliation(order) is None:
        return (
            "Votre établissement n'est pas encore choisi. S'il doit payer, choisissez-le d'abord dans « Mon compte », "
            "puis revenez ici."
        )
    return preflight.PUBLIC_PRIMARY_SENTENCE if preflight.is_public_primary(school) else ""


def list_references(*, payer: str, school: School | None) -> tuple[str, ...]:
    """Return the references that a payer's invoice carries, as fields of the order.

    A school whose sector is unknown, as one that is typed by hand, may be public.
    """
    if payer == Payer.COMPANY or is_business(payer=payer, school=school):
        return BUSINESS_REFERENCES
    return PUBLIC_REFERENCES if payer in (Payer.COLLECTIVITY, Payer.TOWN_HALL, Payer.SCHOOL) else ()


def list_order_references(order: Order) -> tuple[str, ...]:
    """Return the references that the invoice of a placed order carries, by what its numbers say of its payer."""
    kind = get_buyer_kind(order)
    if kind == BuyerKind.CONSUMER:
        return list_references(payer=get_payer(order), school=find_paying_school(order))
    return PUBLIC_REFERENCES if kind == BuyerKind.PUBLIC else BUSINESS_REFERENCES


def find_paying_school(order: Order) -> School | None:
    """Return the school of the directory that the payer « L'établissement » is: the order's, else the buyer's."""
    affiliation = None if order.school is not None else find_affiliation(order)
    return order.school or (affiliation.school if affiliation is not None else None)


def describe_typed_school(order: Order) -> str:
    """Return the name and place of the school that a principal typed by hand and ordered for; empty for any other."""
    buyer = order.placed_by
    if order.kind != OrderKind.SHOP or order.school_id or buyer is None or buyer.profile != Profile.PRINCIPAL:
        return ""
    # `all()`: prefetched by lists of orders.
    typed = [one for one in buyer.affiliations.all() if one.school_id is None]
    first = min(typed, key=lambda one: (one.since, one.pk), default=None)
    return "" if first is None else f"{first.name}, {first.postal_code} {first.city}"


def is_typed_by_hand(order: Order) -> bool:
    """Return whether the buyer typed the order's school, which is not in the directory: its sector is unknown."""
    return find_paying_school(order) is None and find_affiliation(order) is not None


def find_affiliation(order: Order) -> Affiliation | None:
    """Return the affiliation of the buyer that the order is for: one typed by hand if the order has no school."""
    if order.placed_by is None:
        return None
    found = order.placed_by.affiliations.select_related("school")
    return found.order_by(F("school").asc(nulls_first=True), "since", "pk").first()


def find_likely_payer(order: Order) -> Payer | None:
    """Return the most likely payer: the commune for a public école, else the school, else the teacher.

    None for a school typed by hand, which may be public or private.
    """
    if order.placed_by is not None and order.placed_by.profile == Profile.TEACHER:
        return Payer.OTHER
    if is_typed_by_hand(order):
        return None
    return Payer.SCHOOL if Payer.SCHOOL in list_offered_payers(order) else Payer.TOWN_HALL


def is_paid_by_buyer(order: Order) -> bool:
    """Return whether the buyer pays personally: no one else signs the purchase order."""
    buyer = order.placed_by
    return order.payer == Payer.OTHER and buyer is not None and buyer.get_full_name() == order.bill_name
