"""Demo steps of the shop: a school buys by card, a département by mandat administratif.

Seller and prices are invented, except the guide's price of five classes. Each step checks its amounts.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from django_tenants.utils import tenant_context

from demo import people
from licensing.catalogue import terms
from licensing.catalogue.models import PriceBand, SchoolTier
from licensing.catalogue.operations import current_school_year, day_in_france, licence
from licensing.orders import card, operations
from licensing.orders.models import Document, DocumentKind, Order, OrderState, Seller
from licensing.orders.operations import Billing
from licensing.orders.operations.telling import TOPIC
from licensing.orders.papers import purchase_order_document, quote_document
from licensing.pools import operations as pools
from licensing.pools.models import Pool
from licensing.subscriptions.models import Source, Subscription
from mailing.models import Message, MessageState
from schools.models import School
from web.typography import day, euros, number

if TYPE_CHECKING:
    from collections.abc import Callable

    from accounts.models import User
    from tenants.models import Collectivity

#: Invented: identifiers with valid check digits that no company has.
SELLER = {
    "name": "Les Cahiers du Préau", "legal_form": "SAS au capital de 50 000 €", "address": "12 rue des Écoles",
    "postal_code": "75005", "city": "Paris", "siret": "12345678200010", "vat_number": "FR11123456782",
    "rcs": "RCS Paris 123 456 782", "email": "factures@preau-demo.example", "phone": "01 02 03 04 05",
    "iban": "FR7630006000011234567890189", "bic": "AGRIFRPP",
}  # fmt: skip
#: (first, last, price with VAT of a school); the last tier is open-ended, priced per class. The 2nd is the guide's.
TIERS = ((1, 1, "49.00"), (2, 5, "199.00"), (6, 10, "349.00"), (11, 15, "479.00"), (16, None, "30.00"))
#: (minimum licences, unit price without VAT of a collectivity)
BANDS = ((1, "35.00"), (100, "30.00"), (500, "25.00"), (1000, "20.00"))
CLASSES, UNITS = 5, 2000
#: (schools, licences for each) allocated on the day of the purchase.
GIVEN_ON_THE_DAY = (4, 25)
_SIGNED_PDF = b"%PDF-1.4\n% Bon de commande, signature et cachet de la demonstration.\n%%EOF\n"


@dataclass
class Shop:
    """The shop's steps. `expect` raises where a condition does not hold; `wait`, where it takes too long."""

    say: Callable[[str], None]
    expect: Callable[[bool, str], None]
    wait: Callable[[Callable[[], bool], str], None]

    def open(self, now: datetime.datetime) -> None:
        """Create the seller and the prices, and open sales of the year."""
        Seller.objects.create(pk=1, **SELLER)
        year = current_school_year(day_in_france(now))
        year.sold_from = year.starts_on - datetime.timedelta(days=90)
        year.save()
        for first, last, price in TIERS:
            SchoolTier.objects.create(
                product=licence(), school_year=year, from_classes=first, to_classes=last, price_ttc=Decimal(price)
            )
        for first, price in BANDS:
            PriceBand.objects.create(product=licence(), school_year=year, from_units=first, unit_ht=Decimal(price))
        self.say(f"   Vendeur : {SELLER['name']} (inventé). En vente : l'année {year}, {len(TIERS)} paliers d'écoles,")
        self.say(f"   {len(BANDS)} tarifs de collectivités.")

    def sell_by_card(self, principal: User, now: datetime.datetime) -> None:
        """Buy five classes by card as a principal, through the payment page."""
        affiliation = principal.affiliations.get()
        order = operations.draft_for_school(classes=CLASSES, affiliation=affiliation, by=principal, at=now)
        self.expect(
            (order.total_ht, order.total_vat, order.total_ttc)
            == (Decimal("165.83"), Decimal("33.17"), Decimal("199.00")),
            "le prix est celui du guide",
        )
        self._accept_terms(order, principal, now)
        payment = card.start(order_id=order.pk, by=principal, at=now)
        client = people.browser(principal.username)
        client.post(f"/paiement/{payment.token}/", {"answer": "accepte"})
        page = client.get(f"/paiement/{payment.token}/retour/").content.decode()
        order.refresh_from_db()
        self.expect(order.state == OrderState.PAID, "la commande est réglée dès le retour du paiement")
        subscription = Subscription.objects.get(key__source__order_line__order=order)
        held = subscription.seats.held().count()
        self.expect((held, subscription.size) == (0, CLASSES), f"la licence achetée indique 0/{CLASSES}")
        self.expect(f"0/{CLASSES}" in page, f"la page du retour montre 0/{CLASSES}")
        invoice = operations.live_invoice(order)
        self._wait_for_document(order, DocumentKind.INVOICE)
        self.say(f"   {principal} achète {CLASSES} classes par carte : {self._format_total(order)}.")
        self.say(f"   Réglée aussitôt, facture {invoice.number} ; sa licence indique {held}/{subscription.size}.")

    def _accept_terms(self, order: Order, principal: User, now: datetime.datetime) -> None:
        billing = operations.prefilled(order, payer="cooperative")
        operations.choose_card(order_id=order.pk, billing=billing, terms_version=terms.CURRENT, at=now)
        self.expect(not Source.objects.filter(order_line__order=order).exists(), "rien n'est ouvert avant le paiement")
        self.expect(billing.email == principal.email, "l'adresse de facturation est proposée")

    def sell_by_mandate(
        self, office: Collectivity, *, buyer: User, manager: User, operator: User, now: datetime.datetime
    ) -> None:
        """As a département, buy and allocate licences the same day; then invoice and record the payment."""
        order = operations.draft_for_collectivity(collectivity=office, units=UNITS, by=buyer, at=now)
        order = operations.quote(order_id=order.pk, by=buyer, at=now)
        quote_document(order, at=now)
        self.expect(order.total_ttc == Decimal("48000.00"), "2 000 licences à 20,00 € font 48 000,00 € TTC")
        self.say(
            f"   {office.name}, devis {order.quote_number} : {number(UNITS)} licences, {self._format_total(order)}."
        )
        order = operations.place(
            order_id=order.pk, billing=self._build_billing(office, buyer), terms_version=terms.CURRENT, by=buyer, at=now
        )
        purchase_order = purchase_order_document(order, at=now)
        source = Source.objects.get(order_line__order=order)
        self.expect(
            source.provisional_until == day_in_france(now) + datetime.timedelta(days=45),
            "des droits temporaires sont ouverts pour quarante-cinq jours",
        )
        self.expect(
            not source.usable_on(day_in_france(now) + datetime.timedelta(days=46)),
            "sans bon de commande signé, tout s'arrêterait de soi-même le quarante-sixième jour",
        )
        self.say(f"   Bon de commande {purchase_order.number} ; droits temporaires jusqu'au {day(source.open_until)}.")
        self._allocate_same_day(office, source, manager, now)
        operations.receive_scan(order_id=order.pk, filename="bon-signe.pdf", content=_SIGNED_PDF, by=buyer, at=now)
        invoice = operations.confirm(order_id=order.pk, by=operator, at=now)
        source.refresh_from_db()
        self.expect(source.provisional_until is None, "une fois facturés, les droits ne s'arrêtent plus d'eux-mêmes")
        self._wait_for_document(order, DocumentKind.INVOICE)
        self.say(
            f"   Bon signé déposé ; l'exploitant le confirme : facture {invoice.number}, déposable sur Chorus Pro."
        )
        operations.record_payment(
            order_id=order.pk,
            method="transfer",
            amount=order.total_ttc,
            received_on=day_in_france(now),
            reference="Mandat 2026-0147",
            by=operator,
            at=now,
        )
        source.refresh_from_db()
        self.expect(source.temporary_until is None, "le règlement rend les droits fermes")
        self.say(f"   Mandat reçu, {euros(order.total_ttc)} : droits fermes jusqu'au {day(source.last_day)}.")
        order_emails = Message.objects.filter(topic=TOPIC, topic_id=order.pk)
        self.wait(
            lambda: not order_emails.exclude(state=MessageState.SENT).exists(),
            "les lettres de la commande sont parties",
        )
        self.say(f"   {order_emails.count()} e-mails à l'acheteur, de la commande au règlement.")

    def _allocate_same_day(self, office: Collectivity, source: Source, manager: User, now: datetime.datetime) -> None:
        schools, units = GIVEN_ON_THE_DAY
        with tenant_context(office):
            pool = Pool.objects.get(source=source)
            for school in School.objects.filter(commune="Alès", has_elementary=True).order_by("-uai")[:schools]:
                pools.allocate(pool_id=pool.pk, uai=school.uai, units=units, recipient=school.email, by=manager, at=now)
            pool.refresh_from_db()
        self.expect(
            (pool.capacity, pool.allocated) == (UNITS, schools * units), "des licences sont données le jour même"
        )
        self.say(f"   Le jour même, {schools} écoles en reçoivent {units} chacune.")

    def _build_billing(self, office: Collectivity, buyer: User) -> Billing:
        return Billing(
            payer="collectivity",
            name=office.name,
            address="3 rue Guillemette",
            postal_code="30044",
            city="Nîmes",
            email=buyer.email,
            siret=operations.prefilled(Order(kind="purchase", collectivity=office, placed_by=buyer)).siret,
            service_code="EDUCATION",
            engagement_number="EJ-2026-0147",
        )

    def _wait_for_document(self, order: Order, kind: DocumentKind) -> None:
        """Wait until the worker has generated the PDF."""
        documents = Document.objects.filter(order=order, kind=kind)
        self.wait(documents.exists, f"le document de {order} est établi")
        self.expect(bytes(documents.get().content).startswith(b"%PDF"), "la facture est un PDF")

    @staticmethod
    def _format_total(order: Order) -> str:
        return f"{euros(order.total_ht)} HT, {euros(order.total_vat)} de TVA, {euros(order.total_ttc)} TTC"
