"""Acts of buyers, and of the operator on their orders."""

import datetime

from licensing.books.billing import operations as billing_operations
from licensing.catalogue.models import SchoolYear
from licensing.entitlements.models import SuspensionCause
from licensing.orders import billing_details, operations, purchase_orders
from licensing.orders.vat import VatTreatment
from tests.factories.billing_details import BillingDetailsFactory
from tests.factories.orders import OrderFactory, PurchaseFactory
from tests.orders import actions
from tests.sites.audit.walk_steps import Steps, WalkSteps


class WalkOfOrders(WalkSteps):
    def draft(self):
        OrderFactory(current=True, at=self.at)

    def place(self):
        OrderFactory(current=True, placed=True, at=self.at)

    def purchase(self):
        PurchaseFactory(current=True, placed=True, collectivity=self.collectivity, at=self.at)

    def order_as_a_person(self):
        OrderFactory(
            current=True, placed=True, at=self.at,
            billing__payer="other", billing__name="Camille Durand", billing__siret="",
        )  # fmt: skip

    def order_next_year(self):
        """Order a year that begins after the walk, which is on sale for that order alone."""
        ends_on = datetime.date(self.at.year + 2, 8, 31)
        if self.draw.random() < 0.5:
            OrderFactory(placed=True, at=self.at, year_ends_on=ends_on)
        else:
            PurchaseFactory(placed=True, collectivity=self.collectivity, at=self.at, year_ends_on=ends_on)
        from_order = self.draw.choice([True, False])
        SchoolYear.objects.filter(ends_on=ends_on).update(sold_from=None, countdown_from_order=from_order)

    def start_early(self, order):
        operations.start_early(order_id=order.pk, **self.by())

    def clock(self):
        purchase_orders.remind_and_lapse(self.at)

    def confirm(self, order):
        billing_operations.confirm(order_id=order.pk, **self.by())

    def upload(self, order):
        actions.upload(order, at=self.at)

    def refuse(self, order):
        waiting = order.scans.filter(state="waiting").first()
        purchase_orders.refuse_scan(scan_id=waiting.pk if waiting else 0, reason="Illisible.", **self.by())

    def correct_vat(self, order):
        treatment = self.draw.choice(VatTreatment.values)
        billing_details.correct_vat(
            order_id=order.pk,
            treatment=treatment,
            exemption="Exonération, article 262 du CGI.",
            vat_number=self.draw.choice(["", "BE0403053608"]),
            reason="Justificatif reçu.",
            **self.by(),
        )

    def correct(self, order):
        billing = BillingDetailsFactory(collectivity=order.collectivity_id is not None, city=f"Ville {order.pk}")
        billing_operations.correct_billing_details(order_id=order.pk, billing=billing, **self.by())

    def cancel(self, order):
        billing_operations.cancel(order_id=order.pk, reason="Double.", **self.by())

    def prolong(self, order):
        until = self.at.date() + datetime.timedelta(days=self.draw.randrange(90))
        purchase_orders.prolong(order_id=order.pk, until=until, **self.by())

    def suspend(self, order):
        cause = self.draw.choice([None, SuspensionCause.OPERATOR])
        operations.suspend(order_id=order.pk, cause=cause, **self.by())

    def restore(self, order):
        operations.restore(order_id=order.pk, **self.by())

    BEGIN: Steps = (draft, place, purchase, purchase, order_as_a_person, order_next_year, clock)
    GO_ON: Steps = (
        confirm, confirm, upload, refuse, cancel, prolong, suspend, restore, correct, correct_vat, start_early,
    )  # fmt: skip
