"""Acts on issued invoices: followed, made anew, transmitted, declared."""

from core.calendar import date_in_paris
from licensing.books.billing import operations as billing_operations
from licensing.books.billing.invoicing import list_undeposited
from licensing.books.billing.models import PlatformState
from licensing.books.billing.transmission import delivery
from licensing.books.billing.transmission.models import Transmission, TransmissionState
from licensing.books.billing.transmission.operations import give_up, request_transmissions
from licensing.books.billing.transmission.platforms import PlatformRefuses, PlatformSilent
from licensing.books.e_reporting.queries import list_statements
from licensing.books.e_reporting.reports import make_report
from tests.billing.transmission.scripted_platform import entry
from tests.sites.audit.walk_steps import Steps, WalkSteps


class WalkOfInvoices(WalkSteps):
    def follow(self, order):
        for invoice in order.invoices.all():
            billing_operations.record_platform_status(
                invoice_id=invoice.pk, state=self.draw.choice(PlatformState.values), reason="Rejet.", **self.by()
            )

    def take_back(self, order):
        for invoice in order.invoices.all():
            last = invoice.get_latest_status()
            if last is not None:
                billing_operations.take_back_platform_status(status_id=last.pk, reason="Erreur.", **self.by())

    def reinvoice(self, order):
        for invoice in order.invoices.all():
            billing_operations.reissue_invoice(invoice_id=invoice.pk, reason="Rejet.", **self.by())

    def declare(self):
        """Make the report of each period that waits: it is over, or changed since."""
        for one in list_statements(day=date_in_paris(self.at)):
            if one.waits:
                make_report(kind=one.kind, begins_on=one.period.begins_on, **self.by())
                self.done["corrected" if one.report else "declared"] += 1

    def transmit(self):
        """Send what waits, to a platform that answers, refuses, is silent, or tells any state of an invoice."""
        waiting = list_undeposited().order_by("-pk").values_list("pk", flat=True)[: self.draw.randrange(4)]
        request_transmissions(invoice_ids=list(waiting), **self.by())
        for transmission in Transmission.objects.silent(self.at).order_by("pk")[:1]:
            give_up(transmission_id=transmission.pk, reason="Perdue.", **self.by())
        followed = Transmission.objects.exclude(next_try_at=None).order_by("-pk")
        for transmission in followed[self.draw.randrange(5) :][:3]:
            self.script.failures = self.draw.choice([[], [], [], [PlatformSilent("")], [PlatformRefuses("Non.")]])
            self.script.verdict = self.draw.choice(
                [TransmissionState.SENT, TransmissionState.ACCEPTED, TransmissionState.REJECTED]
            )
            self.script.entries = tuple(
                entry(state, self.at, external_id=f"{transmission.pk}-{state}")
                for state in self.draw.choices(list(PlatformState), k=self.draw.randrange(3))
            )
            delivery.deliver(transmission)
            transmission.refresh_from_db()
            assert "n'a pas pu être lu" not in transmission.message  # an exception that nobody expected

    BEGIN: Steps = (transmit, transmit, declare)
    GO_ON: Steps = (follow, reinvoice, take_back)
