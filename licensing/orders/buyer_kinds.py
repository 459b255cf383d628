"""Kind of buyer that an order is invoiced to. It decides what the invoice says and by which way it reaches its payer.

Read once, when the invoice is issued, and frozen there: what changes later in Chorus Pro's directory changes nothing.
"""

from __future__ import annotations

from django.db import models

from licensing.orders import siret_numbers
from licensing.orders.models import Order, Payer, PublicBody
from schools.models import School


class BuyerKind(models.TextChoices):
    """A public body; a taxable person, known by its SIREN; or somebody else, to whom no platform leads."""

    PUBLIC = "public", "Organisme public"
    TAXABLE = "taxable", "Assujetti, connu par son SIREN"
    CONSUMER = "consumer", "Particulier ou non assujetti"


def find_buyer_kind(
    *, payer: str, school: School | None, siret: str, siren: str = "", body: PublicBody | None
) -> BuyerKind:
    """Return the kind of a buyer. `body`: the one of Chorus Pro's directory with this SIRET, if any."""
    if (
        body is not None
        or payer in (Payer.COLLECTIVITY, Payer.TOWN_HALL)
        or (payer == Payer.SCHOOL and school is not None and school.sector == "Public")
    ):
        return BuyerKind.PUBLIC
    if siret or siren or is_business(payer=payer, school=school):
        return BuyerKind.TAXABLE
    return BuyerKind.CONSUMER


def is_business(*, payer: str, school: School | None) -> bool:
    """Return whether the payer is a business: a company, or the body that runs a private school."""
    return payer == Payer.COMPANY or (payer == Payer.SCHOOL and school is not None and school.sector == "Privé")


def get_payer(order: Order) -> str:
    """Return who pays an order; where the buyer did not say, the collectivity, or another payer."""
    return order.payer or (Payer.COLLECTIVITY if order.collectivity_id else Payer.OTHER)


def get_buyer_kind(order: Order) -> BuyerKind:
    """Return the kind of an order's buyer as it is now, by its billing details and Chorus Pro's directory."""
    siret = siret_numbers.normalise(order.siret)
    body = PublicBody.objects.filter(pk=siret).first() if siret else None
    return find_buyer_kind(
        payer=get_payer(order),
        school=order.school,
        siret=siret,
        siren=siret_numbers.normalise(order.siren),
        body=body,
    )
