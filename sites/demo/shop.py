"""Demo steps of the shop: a school buys by card, a département by mandat administratif.

Seller and prices are invented, except the guide's price of five classes. Each step checks its amounts.
"""

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from django_tenants.utils import tenant_context

from accounts.models import User
from core.calendar import date_in_paris
from core.formatting import euros, long_date, number
from licensing.books.billing import operations as billing_operations
from licensing.books.billing.documents import get_or_create_purchase_order, get_or_create_quote
from licensing.books.billing.models import BillingDocument, BillingDocumentKind
from licensing.catalogue import terms
from licensing.catalogue.models import PriceBand, SchoolTier, SchoolYear, Seller
from licensing.catalogue.operations import get_licence_product, get_school_year
from licensing.entitlements.models import Entitlement, Subscription
from licensing.orders import billing_details, operations, purchase_orders
from licensing.orders.billing_details import BillingDetails
from licensing.orders.models import Order, OrderState
from licensing.orders.order_events import TOPIC
from licensing.payments import card
from licensing.payments import operations as payment_operations
from licensing.pools import operations as pools
from licensing.pools.models import Pool
from mailing.models import Message, MessageState
from schools.models import School
from sites.demo import people
from sites.demo.processes import wait_for_work
from tenants.models import Collectivity

#: Invented: identifiers with valid check digits that no company has.
SELLER = {
    "name": "Les Cahiers du Préau", "legal_form": "SAS au capital de 50 000 €", "address": "12 rue des Écoles",
    "postal_code": "75005", "city": "Paris", "siret": "12345678200010", "vat_number": "FR11123456782",
    "rcs": "RCS Paris 123 456 782", "email": "factures@preau-demo.example", "phone": "01 02 03 04 05",
    "iban": "FR7630006000011234567890189", "bic": "AGRIFRPP",
    "publication_director": "Dominique Exemple",
    "host": "Hébergement de démonstration, 1 rue du Serveur, 75001 Paris, 01 02 03 04 06",
}  # fmt: skip
#: An example, and it says so: the operator says what is exercised, as a text of ours would be invented.
SUMMARY = (
    "Exemple de la démonstration : l'exploitant écrit ici, en une ou deux phrases, ce que les élèves exercent dans"
    " Pep's."
)
#: (first, last, price with VAT of a school); the last tier is open-ended, priced per class. The 2nd is the guide's.
TIERS = ((1, 1, "109.00"), (2, 5, "199.00"), (6, 10, "299.00"), (11, 15, "399.00"), (16, None, "26.00"))
#: (minimum licences, unit price without VAT of a collectivity)
PRICE_BANDS = ((1, "35.00"), (100, "30.00"), (500, "25.00"), (1000, "20.00"))
CLASSES, UNITS = 5, 2000
#: (schools, licences for each) allocated on the day of the purchase.
SAME_DAY_ALLOCATIONS = (4, 25)
SIGNED_PDF = b"%PDF-1.4\n% Bon de commande, signature et cachet de la demonstration.\n%%EOF\n"


def create_seller_and_summary() -> None:
    """Create the seller, and say what the licences are for."""
    Seller.objects.create(pk=1, **SELLER)
    product = get_licence_product()
    product.summary = SUMMARY
    product.save(update_fields=["summary"])


def set_prices(year: SchoolYear) -> None:
    """Create the prices of a school year."""
    sold = {"product": get_licence_product(), "school_year": year}
    SchoolTier.objects.bulk_create(
        SchoolTier(**sold, from_classes=first, to_classes=last, price_ttc=Decimal(price))
        for first, last, price in TIERS
    )
    PriceBand.objects.bulk_create(
        PriceBand(**sold, from_units=first, unit_ht=Decimal(price)) for first, price in PRICE_BANDS
    )


def build_billing(office: Collectivity, buyer: User, address: tuple[str, str, str], engagement: str) -> BillingDetails:
    """Return how a collectivity's order is billed."""
    street, postal_code, city = address
    prefilled = billing_details.prefill_billing_details(Order(kind="purchase", collectivity=office, placed_by=buyer))
    return BillingDetails(
        payer="collectivity",
        name=office.name,
        address=street,
        postal_code=postal_code,
        city=city,
        email=buyer.email,
        siret=prefilled.siret,
        service_code="EDUCATION",
        engagement_number=engagement,
    )


@dataclass
class ShopSteps:
    """The shop's steps. `expect` raises where a condition does not hold."""

    print_line: Callable[[str], None]
    expect: Callable[[bool, str], None]

    def open(self, now: datetime.datetime) -> None:
        """Create the seller and the prices, and open sales of the year."""
        create_seller_and_summary()
        year = get_school_year(date_in_paris(now))
        year.sold_from = year.starts_on - datetime.timedelta(days=90)
        year.save()
        set_prices(year)
        self.print_line(
            f"   Vendeur : {SELLER['name']} (inventé). En vente : l'année {year}, {len(TIERS)} paliers d'écoles,"
        )
        self.print_line(f"   {len(PRICE_BANDS)} tarifs de collectivités.")

    def sell_by_card(self, principal: User, now: datetime.datetime) -> None:
        """Buy five classes by card as a principal, through the payment page."""
        affiliation = principal.affiliations.get()
        order = operations.create_school_draft(classes=CLASSES, affiliation=affiliation, by=principal, at=now)
        self.expect(
            (order.total_ht, order.total_vat, order.total_ttc)
            == (Decimal("165.83"), Decimal("33.17"), Decimal("199.00")),
            "le prix est celui du guide",
        )
        self._accept_terms(order, principal, now)
        payment = card.start_attempt(order_id=order.pk, by=principal, at=now)
        client = people.sign_in(principal.username)
        client.post(f"/paiement/{payment.token}/", {"answer": "accepte"})
        page = client.get(f"/paiement/{payment.token}/retour/").content.decode()
        order.refresh_from_db()
        self.expect(order.state == OrderState.PAID, "la commande est réglée dès le retour du paiement")
        subscription = Subscription.objects.get(key__entitlement__order_line__order=order)
        held = subscription.seats.held().count()
        self.expect((held, subscription.size) == (0, CLASSES), f"la licence achetée indique 0/{CLASSES}")
        self.expect(f"0 sur {CLASSES}" in page, f"la page du retour montre 0 sur {CLASSES}")
        invoice = order.invoices.current().get()
        self._wait_for_document(order, BillingDocumentKind.INVOICE)
        self.print_line(f"   {principal} achète {CLASSES} classes par carte : {self._format_total(order)}.")
        self.print_line(
            f"   Réglée aussitôt, facture {invoice.number} ; sa licence indique « {held} sur {subscription.size} »."
        )

    def _accept_terms(self, order: Order, principal: User, now: datetime.datetime) -> None:
        billing = billing_details.prefill_billing_details(order, payer="cooperative")
        operations.prepare_card_payment(order_id=order.pk, billing=billing, terms_version=terms.CURRENT, at=now)
        self.expect(
            not Entitlement.objects.filter(order_line__order=order).exists(), "rien n'est ouvert avant le paiement"
        )
        self.expect(billing.email == principal.email, "l'adresse de facturation est proposée")

    def sell_by_mandate(
        self, office: Collectivity, *, buyer: User, manager: User, operator: User, now: datetime.datetime
    ) -> None:
        """As a département, buy and allocate licences the same day; then invoice and record the payment."""
        order = operations.create_collectivity_draft(collectivity=office, units=UNITS, by=buyer, at=now)
        order = operations.issue_quote(order_id=order.pk, by=buyer, at=now)
        get_or_create_quote(order, at=now)
        self.expect(order.total_ttc == Decimal("48000.00"), "2 000 licences à 20,00 € font 48 000,00 € TTC")
        self.print_line(
            f"   {office.name}, devis {order.quote_number} : {number(UNITS)} licences, {self._format_total(order)}."
        )
        order = operations.place(
            order_id=order.pk,
            billing=build_billing(office, buyer, ("3 rue Guillemette", "30044", "Nîmes"), "EJ-2026-0147"),
            terms_version=terms.CURRENT,
            by=buyer,
            at=now,
        )
        purchase_order = get_or_create_purchase_order(order, at=now)
        entitlement = Entitlement.objects.get(order_line__order=order)
        self.expect(
            entitlement.provisional_until == date_in_paris(now) + datetime.timedelta(days=45),
            "des droits temporaires sont ouverts pour quarante-cinq jours",
        )
        self.expect(
            not entitlement.usable_on(date_in_paris(now) + datetime.timedelta(days=46)),
            "sans bon de commande signé, tout s'arrêterait de soi-même le quarante-sixième jour",
        )
        self.print_line(
            f"   Bon de commande {purchase_order.number} ; droits temporaires jusqu'au"
            f" {long_date(entitlement.open_until)}."
        )
        self._allocate_same_day(office, entitlement, manager, now)
        purchase_orders.receive_scan(order_id=order.pk, filename="bon-signe.pdf", content=SIGNED_PDF, by=buyer, at=now)
        invoice = billing_operations.confirm(order_id=order.pk, by=operator, at=now)
        entitlement.refresh_from_db()
        self.expect(
            entitlement.provisional_until is None, "une fois facturés, les droits ne s'arrêtent plus d'eux-mêmes"
        )
        self._wait_for_document(order, BillingDocumentKind.INVOICE)
        self.print_line(
            f"   Bon signé déposé ; l'exploitant le confirme : facture {invoice.number}, déposable sur Chorus Pro."
        )
        payment_operations.record_payment(
            order_id=order.pk,
            method="transfer",
            amount=order.total_ttc,
            received_on=date_in_paris(now),
            reference="Mandat 2026-0147",
            by=operator,
            at=now,
        )
        entitlement.refresh_from_db()
        self.expect(entitlement.temporary_until is None, "le règlement rend les droits fermes")
        self.print_line(
            f"   Mandat reçu, {euros(order.total_ttc)} : droits fermes jusqu'au {long_date(entitlement.last_day)}."
        )
        order_emails = Message.objects.filter(topic=TOPIC, topic_id=order.pk)
        wait_for_work(
            # The acknowledgement of a signed order that is confirmed at once is of no more use.
            lambda: not order_emails.exclude(state__in=(MessageState.SENT, MessageState.CANCELLED)).exists(),
            "les lettres de la commande sont parties",
        )
        sent = order_emails.filter(state=MessageState.SENT).count()
        self.print_line(f"   {sent} e-mails à l'acheteur, de la commande au règlement.")

    def _allocate_same_day(
        self, office: Collectivity, entitlement: Entitlement, manager: User, now: datetime.datetime
    ) -> None:
        schools, units = SAME_DAY_ALLOCATIONS
        with tenant_context(office):
            pool = Pool.objects.get(entitlement=entitlement)
            for school in School.objects.filter(commune="Alès", has_elementary=True).order_by("-uai")[:schools]:
                pools.allocate(pool_id=pool.pk, uai=school.uai, units=units, recipient=school.email, by=manager, at=now)
            pool.refresh_from_db()
        self.expect(
            (pool.capacity, pool.allocated) == (UNITS, schools * units), "des licences sont données le jour même"
        )
        self.print_line(f"   Le jour même, {schools} écoles en reçoivent {units} chacune.")

    def _wait_for_document(self, order: Order, kind: BillingDocumentKind) -> None:
        """Wait until the worker has generated the PDF."""
        documents = BillingDocument.objects.filter(order=order, kind=kind)
        wait_for_work(documents.exists, f"le document de {order} est établi")
        self.expect(bytes(documents.get().content).startswith(b"%PDF"), "la facture est un PDF")

    @staticmethod
    def _format_total(order: Order) -> str:
        return f"{euros(order.total_ht)} HT, {euros(order.total_vat)} de TVA, {euros(order.total_ttc)} TTC"
