"""Whom the invoice is made out to: proposed from what is known, typed by the buyer, completed until the invoice."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import F

from accounts.models import Profile
from licensing.orders import preflight
from licensing.orders.exceptions import BadBilling, NotInThisState
from licensing.orders.invoicing import countries
from licensing.orders.invoicing.exceptions import NotInvoiceable
from licensing.orders.models import Invoice, InvoiceKind, Order, OrderKind, OrderState, Payer, PlatformState
from licensing.orders.operations import journal
from licensing.orders.operations.locking import locked
from schools.wording import of_town, school_name

if TYPE_CHECKING:
    import datetime

    from django.db import models

    from accounts.models import User
    from schools.models import Affiliation

FRANCE = "France"
_FRENCH_POSTAL_CODE = re.compile(r"[0-9]{5}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Billing:
    """What an invoice says of its buyer. Codes without spaces; what does not apply is empty."""

    payer: str
    name: str
    address: str
    address_extra: str = ""
    postal_code: str
    city: str
    country: str = FRANCE
    email: str
    siret: str = ""
    service_code: str = ""
    engagement_number: str = ""


#: Field of `Billing` → column of `Order`.
_COLUMNS = {
    "payer": "payer",
    "name": "bill_name",
    "address": "bill_address",
    "address_extra": "bill_address_extra",
    "postal_code": "bill_postal_code",
    "city": "bill_city",
    "country": "bill_country",
    "email": "bill_email",
    "siret": "siret",
    "service_code": "service_code",
    "engagement_number": "engagement_number",
}
#: What an order says of whoever is billed.
BILLED = tuple(_COLUMNS.values())
_REQUIRED = {
    "payer": "Dites qui paie : la facture sera établie à son nom.",
    "name": "Indiquez le nom à qui la facture est adressée.",
    "address": "Indiquez l'adresse de facturation.",
    "postal_code": "Indiquez le code postal.",
    "city": "Indiquez la ville.",
    "country": "Indiquez le pays.",
    "email": "Indiquez l'adresse e-mail de qui traite les factures.",
}


def prefilled(order: Order, *, payer: str | None = None) -> Billing:
    """Return what is proposed: what is typed already, else the buyer's last order, else what the directory knows.

    `payer`: who the buyer says will pay, where he has said; the likeliest otherwise.
    """
    known = order if order.bill_name else _last_of(order)
    if known is not None and payer in (None, known.payer):
        last = {field: getattr(known, column) for field, column in _COLUMNS.items()}
        if known.pk != order.pk:
            # An engagement is for one order.
            last["engagement_number"] = ""
        return Billing(**last)
    buyer_email = order.placed_by.email if order.placed_by else ""
    if order.collectivity is not None:
        body = order.collectivity
        return Billing(
            payer=Payer.COLLECTIVITY,
            name=body.name,
            address="",
            postal_code="",
            city="",
            email=buyer_email,
            siret=preflight.siret_of(body.siren),
        )
    return _of_shop(order, buyer_email, payer)


def forget(order: Order) -> None:
    """Empty what was typed of whoever is billed; the caller saves the order."""
    for column in BILLED:
        setattr(order, column, "")


def write(order: Order, billing: Billing) -> None:
    """Check the details and write them into the order, which the caller has locked and saves. Raises `BadBilling`."""
    for field, sentence in _REQUIRED.items():
        if not getattr(billing, field).strip():
            raise BadBilling(sentence, field)
    if billing.payer not in Payer.values or (billing.payer == Payer.COLLECTIVITY) != (order.kind == OrderKind.PURCHASE):
        raise BadBilling(_REQUIRED["payer"], "payer")
    try:
        validate_email(billing.email.strip())
    except ValidationError:
        raise BadBilling(f"« {billing.email} » n'est pas une adresse e-mail.", "email") from None
    # Before anything is paid: an invoice abroad would have another VAT, and cannot be made out.
    try:
        countries.code_of(billing.country)
    except NotInvoiceable as refusal:
        raise BadBilling(refusal.sentence, "country") from None
    if not _FRENCH_POSTAL_CODE.fullmatch(billing.postal_code.replace(" ", "")):
        raise BadBilling("Un code postal français compte cinq chiffres.", "postal_code")
    for field, column in _COLUMNS.items():
        if column != "siret":  # below: people type it in groups of three
            _set(order, column, " ".join(getattr(billing, field).split()), field)
    _write_codes(order, siret=billing.siret)


def rewrite(order: Order, billing: Billing) -> bool:
    """Write the details as `write` does; return whether that changed what the order says. Raises `BadBilling`."""
    before = [getattr(order, column) for column in _COLUMNS.values()]
    write(order, billing)
    return before != [getattr(order, column) for column in _COLUMNS.values()]


@transaction.atomic
def complete(
    *, order_id: int, siret: str, service_code: str, engagement_number: str, by: User, at: datetime.datetime
) -> Order:
    """Complete what the invoice will need, until it is issued or after a platform has rejected it; return the order.

    Raises `NotInThisState` or `BadBilling`.
    """
    order = locked(order_id)
    if order.state not in (OrderState.DRAFT, OrderState.PLACED, OrderState.LAPSED) and not was_rejected(order):
        raise NotInThisState("La facture est émise : ce qu'elle dit ne change plus. Écrivez-nous s'il faut la refaire.")
    before = (order.siret, order.service_code, order.engagement_number)
    for column, text in (("service_code", service_code), ("engagement_number", engagement_number)):
        _set(order, column, " ".join(text.split()), column)
    _write_codes(order, siret=siret)
    if before == (order.siret, order.service_code, order.engagement_number):
        return order
    order.save(update_fields=["siret", "service_code", "engagement_number"])
    journal.record(order, "completed", "informations de facturation complétées.", by=by, at=at)
    return order


def _set(order: Order, column: str, text: str, field: str) -> None:
    longest = cast("models.Field[object, object]", Order._meta.get_field(column)).max_length or 0  # noqa: SLF001
    if len(text) > longest:
        raise BadBilling(f"{longest} caractères au plus ; vous en avez saisi {len(text)}.", field)
    setattr(order, column, text)


def _write_codes(order: Order, *, siret: str) -> None:
    order.siret = preflight.digits(siret)
    wrong = preflight.of_order(order).wrong
    if wrong:
        raise BadBilling(wrong[0].sentence, wrong[0].field)


def was_rejected(order: Order) -> bool:
    """Whether the order's invoice was last heard of as rejected, by its platform or by whoever received it."""
    invoice = Invoice.objects.filter(order=order, kind=InvoiceKind.INVOICE, credit__isnull=True).first()
    last = invoice.statuses.order_by("pk").last() if invoice else None
    return last is not None and last.state in (PlatformState.REJECTED, PlatformState.REFUSED)


def _last_of(order: Order) -> Order | None:
    """Return the last order of the same collectivity, or of the same buyer for the same school."""
    same = Order.objects.filter(kind=order.kind, placed_at__isnull=False).exclude(bill_name="")
    same = (
        same.filter(collectivity=order.collectivity)
        if order.collectivity is not None
        else same.filter(placed_by=order.placed_by, school=order.school)
    )
    return same.order_by("pk").last()


def _of_shop(order: Order, email: str, payer: str | None) -> Billing:
    payer = payer or _likeliest(order)
    place = _place(order)
    town, school = place["city"], place["name"]
    names = {
        Payer.TOWN_HALL: f"Commune {of_town(town)}" if town else "",
        Payer.SCHOOL: school,
        Payer.COOPERATIVE: f"Coopérative scolaire, {school}" if school else "",
    }
    if payer == Payer.OTHER:
        # Whoever it is, he does not live at the school.
        place = dict.fromkeys(place, "") | {"country": place["country"]}
    if payer == Payer.TOWN_HALL:
        # Its street is in no directory; the postman knows the town hall.
        place |= {"address": "Mairie", "address_extra": ""}
    buyer = order.placed_by.get_full_name() if order.placed_by is not None else ""
    return Billing(
        **place | {"name": names.get(Payer(payer), buyer)},
        payer=payer,
        email=email,
        siret=preflight.proposed_siret(order.school, payer=payer),
    )


def _place(order: Order) -> dict[str, str]:
    """Return name and address of the buyer's school, as the directory has them or as he typed them."""
    affiliation = _affiliation(order)
    school = order.school or (affiliation.school if affiliation is not None else None)
    if school is not None:
        return {
            "name": school_name(school.name),
            "address": school.address,
            "address_extra": school.address_extra,
            "postal_code": school.postal_code,
            "city": school.commune,
            "country": FRANCE,
        }
    typed = {
        field: str(getattr(affiliation, field, ""))
        for field in ("name", "address", "address_extra", "postal_code", "city", "country")
    }
    return typed | {"country": typed["country"] or FRANCE}


def _likeliest(order: Order) -> str:
    """Return who pays, as far as one can tell: a public école's commune, a school that may pay itself, a teacher."""
    if order.placed_by is not None and order.placed_by.profile == Profile.TEACHER:
        return Payer.OTHER
    return Payer.TOWN_HALL if preflight.is_public_primary(order.school) else Payer.SCHOOL


def _affiliation(order: Order) -> Affiliation | None:
    if order.placed_by is None:
        return None
    # An order for no school of the directory is for the one that its buyer typed, where he typed one.
    found = order.placed_by.affiliations.select_related("school")
    return found.order_by(F("school").asc(nulls_first=True), "since", "pk").first()
