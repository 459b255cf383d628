"""A random walk over order operations: books and entitlements stay consistent."""

from __future__ import annotations

import datetime
import os
import random
from collections import Counter
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from core.calendar import date_in_paris
from licensing.bank import operations as bank
from licensing.bank.matching.match_proposal import parse_key
from licensing.bank.models import StatementLine
from licensing.billing import operations as billing_operations
from licensing.billing.invoicing import list_undeposited
from licensing.billing.models import Invoice, PlatformState
from licensing.billing.queries import get_balance
from licensing.billing.transmission import delivery
from licensing.billing.transmission.exceptions import PlatformRefuses, PlatformSilent
from licensing.billing.transmission.interface import DepositVerdict
from licensing.billing.transmission.models import Transmission
from licensing.billing.transmission.operations import give_up, request_transmissions
from licensing.catalogue.models import SchoolYear, Seller
from licensing.classes import operations as classes
from licensing.e_reporting.queries import list_statements
from licensing.e_reporting.reports import make_report
from licensing.entitlements import operations as entitlements
from licensing.entitlements.models import Subscription, SuspensionCause
from licensing.exceptions import LicensingError
from licensing.orders import operations
from licensing.orders.models import Order
from licensing.orders.vat import VatTreatment
from licensing.payments import card
from licensing.payments import operations as payment_operations
from licensing.payments.card import settlement
from licensing.payments.card.provider_interface import EURO, ProviderOutcome, ProviderRefund, SessionState, to_cents
from licensing.payments.contract_withdrawals import withdraw_from_contract
from licensing.payments.models import CardPayment, Payment
from licensing.payments.partial_credits import credit_in_part, demand_refunded_part
from licensing.payments.queries import get_surplus, list_owed_orders
from licensing.pools import operations as pools
from licensing.pools.emails import check_due
from licensing.pools.models import Allocation, Pool
from mailing import kinds, leases
from sites.audit.checks import check_all
from sites.back_office import work_queue
from tests.accounting.provider_balance import record_movement, record_movements
from tests.bank.actions import propose, upload
from tests.bank.statement_files import FileLine, StatementFile
from tests.billing.transmission.scripted_platform import PATH, Script, entry
from tests.factories.accounts import UserFactory
from tests.factories.billing_details import BillingDetailsFactory
from tests.factories.orders import OrderFactory, PurchaseFactory
from tests.factories.schools import SchoolFactory
from tests.factories.shop import open_shop
from tests.orders import actions
from tests.pools.actions import allocate_units

#: Another length and other walks may be asked for: `WALK_STEPS=100 WALKS=100` is 10,000 steps.
STEPS = int(os.environ.get("WALK_STEPS", "60"))
SEEDS = range(17, 17 + int(os.environ.get("WALKS", "1")))


class RandomWalk:
    """Months of sales, drawn from a seed: each step is one operation, on any order, at any state of it."""

    def __init__(self, seed, collectivity, script):
        self.script = script
        self.draw = random.Random(seed)  # noqa: S311 - to be drawn again, not guessed
        self.collectivity = collectivity
        self.operator = UserFactory()
        self.at = timezone.now() - datetime.timedelta(days=200)
        self.done = Counter()
        open_shop(self.at)
        Seller.objects.update(e_reporting_from=date_in_paris(self.at))

    def step(self):
        self.at += datetime.timedelta(hours=self.draw.randrange(96))
        orders = list(Order.objects.exclude(state__in=["cancelled", "paid"]).order_by("pk"))
        settled = list(Order.objects.filter(state="paid").order_by("pk"))
        step: Any = self.draw.choice(self.BEGIN + self.GO_ON if orders else self.BEGIN)
        try:
            # Mostly an open order: closed ones refuse almost everything.
            step(self, self.draw.choice(orders * 3 + settled)) if step in self.GO_ON else step(self)
        except LicensingError:
            return
        self.done[step.__name__] += 1

    def draft(self):
        OrderFactory(current=True, at=self.at)

    def place(self):
        OrderFactory(current=True, placed=True, at=self.at)

    def purchase(self):
        PurchaseFactory(current=True, placed=True, collectivity=self.collectivity, at=self.at)

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

    def teach(self, order):
        """Open a class of the buyer's own, which is refused before the first day."""
        for subscription in Subscription.objects.filter(key__entitlement__order_line__order=order):
            buyer = order.placed_by
            seat = entitlements.assign(subscription_id=subscription.pk, teacher=buyer, by=buyer, at=self.at)
            classes.open_class(seat_id=seat.pk, by=buyer, name="CE1 B", at=self.at)

    def clock(self):
        operations.remind_and_lapse(self.at)

    def by(self):
        return {"by": self.operator, "at": self.at}

    def confirm(self, order):
        billing_operations.confirm(order_id=order.pk, **self.by())

    def upload(self, order):
        actions.upload(order, at=self.at)

    def refuse(self, order):
        waiting = order.scans.filter(state="waiting").first()
        operations.refuse_scan(scan_id=waiting.pk if waiting else 0, reason="Illisible.", **self.by())

    def pay(self, order):
        due = get_balance(order)
        amount = self.draw.choice([due, due - 1, due + 5])
        day, reference = self.at.date() - datetime.timedelta(days=1), f"VIR {self.draw.randrange(10**9)}"
        payment_operations.record_payment(
            order_id=order.pk, method="transfer", amount=amount, received_on=day, reference=reference, **self.by()
        )

    def pay_by_card(self, order):
        if order.state == "draft":
            actions.choose_card(order, at=self.at)
        attempt = card.start_attempt(order_id=order.pk, by=order.placed_by, at=self.at)
        CardPayment.objects.filter(pk=attempt.pk).update(
            status="confirmed", transaction_id=f"pi_{attempt.pk}", captured_amount=attempt.total
        )
        payment_operations.settle_by_card(card_payment_id=attempt.pk, at=self.at)

    def list_movements(self):
        """Store what the provider would list of the card payments: charges and payouts, then refunds."""
        for payment in Payment.objects.filter(card__isnull=False, card__balancetransaction__isnull=True):
            record_movements(payment.card, at=self.at)
        for payment in Payment.objects.filter(card__isnull=False, kind="refunded"):
            if not payment.card.balancetransaction_set.filter(kind="refund", amount=payment.amount).exists():
                record_movement("refund", payment.amount, card=payment.card, at=self.at)

    def correct_vat(self, order):
        treatment = self.draw.choice(VatTreatment.values)
        operations.correct_vat(
            order_id=order.pk,
            treatment=treatment,
            exemption="Exonération, article 262 du CGI.",
            vat_number=self.draw.choice(["", "BE0403053608"]),
            reason="Justificatif reçu.",
            **self.by(),
        )

    def cancel(self, order):
        billing_operations.cancel(order_id=order.pk, reason="Double.", **self.by())

    def credit_in_part(self, order):
        licences, amount = self.draw.choice([(0, 5), (1, None), (2, None), (1, 30), (0, order.total_ttc / 3)])
        credit_in_part(
            order_id=order.pk,
            licences=licences,
            amount=None if amount is None else round(amount, 2),
            reason="Classes fermées.",
            **self.by(),
        )

    def refund_in_dashboard(self):
        """Have the provider say that a part of a card payment was refunded in its dashboard, or all of it."""
        for payment in CardPayment.objects.filter(status="confirmed").order_by("pk")[self.draw.randrange(2) :][:1]:
            amount = self.draw.choice([500, 2000, to_cents(payment.captured_amount)])
            outcome = ProviderOutcome(
                reference=payment.transaction_id,
                token=payment.token,
                stage=SessionState.PAID,
                amount=to_cents(payment.total),
                currency=EURO,
                refunds=(ProviderRefund(reference=f"re_{self.draw.randrange(10**9)}", amount=amount),),
            )
            settlement.record_outcome(payment_id=payment.pk, outcome=outcome, at=self.at)

    def demand_again(self):
        for order in work_queue.list_waiting_orders("avoirs", self.at.date())[:1]:
            demand_refunded_part(order_id=order.pk, **self.by())
            self.done["demanded"] += 1

    def prolong(self, order):
        until = self.at.date() + datetime.timedelta(days=self.draw.randrange(90))
        operations.prolong(order_id=order.pk, until=until, **self.by())

    def suspend(self, order):
        cause = self.draw.choice([None, SuspensionCause.OPERATOR])
        operations.suspend(order_id=order.pk, cause=cause, **self.by())

    def restore(self, order):
        operations.restore(order_id=order.pk, **self.by())

    def announce(self):
        """Give licences of a pool to a school, to be e-mailed now or within three weeks."""
        for pool in Pool.objects.order_by("-pk")[self.draw.randrange(3) :][:1]:
            send_on = self.at.date() + datetime.timedelta(days=self.draw.randrange(20))
            allocate_units(pool, SchoolFactory(), units=1, at=self.at, send_on=send_on)

    def revoke(self):
        for allocation in Allocation.objects.active().order_by("pk")[self.draw.randrange(10) :][:1]:
            pools.revoke(allocation_id=allocation.pk, **self.by())

    def deliver(self):
        """Record what a worker would of each e-mail about a key, and run the releases that wait."""
        if ProcrastinateJob.objects.filter(task_name="pools.release_held_emails", status="todo").exists():
            pools.release_held_emails(at=timezone.now())
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE procrastinate_jobs SET status = 'succeeded'"
                    " WHERE status = 'todo' AND task_name = 'pools.release_held_emails'"
                )
        for message in leases.claim(limit=50, at=self.at):
            if message.topic != "allocation":
                leases.record_cancelled(message, reason="")
                continue
            try:
                check_due(message, Allocation.objects.get(pk=message.topic_id))
            except kinds.OnHold as hold:
                leases.record_held(message, reason=str(hold))
                self.done["held"] += 1
            except kinds.NoLongerDue as lapsed:
                leases.record_cancelled(message, reason=str(lapsed))
            else:
                leases.record_accepted(message, message_id="", at=self.at)

    def refund(self, order):
        for payment in order.payments.filter(refunds__isnull=True, card__isnull=True):
            payment_operations.refund(payment_id=payment.pk, **self.by())

    def reverse(self, order):
        for payment in order.payments.filter(amount__gt=0):
            part = self.draw.choice([payment.amount, payment.amount / 2, 1])
            payment_operations.reverse_payment(
                payment_id=payment.pk, amount=round(part, 2), reason="unpaid", text="", **self.by()
            )

    def give_back(self, order):
        actions.give_back(order, amount=get_surplus(order), at=self.at)

    def move(self, order):
        owed = list_owed_orders(order).first()
        if owed is not None:
            actions.move(order, owed, amount=min(get_surplus(order), get_balance(owed)), at=self.at)

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

    def correct(self, order):
        billing = BillingDetailsFactory(collectivity=order.collectivity_id is not None, city=f"Ville {order.pk}")
        billing_operations.correct_billing_details(order_id=order.pk, billing=billing, **self.by())

    def order_as_a_person(self):
        OrderFactory(
            current=True, placed=True, at=self.at,
            billing__payer="other", billing__name="Camille Durand", billing__siret="",
        )  # fmt: skip

    def withdraw(self, order):
        withdraw_from_contract(order_id=order.pk, name="Camille Durand", by=order.placed_by, at=self.at)

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
            self.script.verdict = self.draw.choice(list(DepositVerdict))
            self.script.entries = tuple(
                entry(state, self.at, external_id=f"{transmission.pk}-{state}")
                for state in self.draw.choices(list(PlatformState), k=self.draw.randrange(3))
            )
            delivery.deliver(transmission)
            transmission.refresh_from_db()
            assert "n'a pas pu être lu" not in transmission.message  # an exception that nobody expected

    def read_statement(self):
        """Upload a statement: a transfer for an order that is owed, or what is like nothing; or a debit."""
        day = self.at.date()
        line = FileLine(self.draw.choice(["-199.00", "3.12"]), self.draw.choice(["FRAIS", "VIREMENT REJETE"]), day=day)
        owed = Invoice.objects.current().filter(order__state="confirmed").order_by("pk")
        for invoice in owed[: 1 if self.draw.randrange(4) else 0]:
            amount = get_balance(invoice.order) + self.draw.choice([0, 0, 5, -5])
            line = FileLine(str(amount), "VIR", (invoice.number,), day=day)
        upload(StatementFile((line,), number=str(self.draw.random()), opening_on=day, closing_on=day), **self.by())

    def decide_line(self):
        """Book a line of a statement as it is proposed, or set it aside, or have it decided anew."""
        act = self.draw.choice(["book", "book", "book", "set aside", "take back"])
        lines = StatementLine.objects.exclude(state="debit").order_by("-pk")
        for line in lines.filter(state="waiting")[:1] if act == "book" else lines[self.draw.randrange(4) :][:1]:
            [proposals] = propose(line)
            if act == "take back":
                bank.take_line_back(line_id=line.pk, **self.by())
            elif act == "set aside":
                bank.set_line_aside(line_id=line.pk, reason="Autre vente.", **self.by())
            elif proposals:
                chosen = parse_key(self.draw.choice(proposals).key)
                bank.book_line(line_id=line.pk, chosen=chosen, **self.by())
                self.done["booked"] += 1

    BEGIN = (
        read_statement, read_statement, decide_line, decide_line, decide_line,
        draft, place, purchase, purchase, clock, order_as_a_person, order_next_year, announce, announce, announce,
        revoke, deliver, deliver, deliver, refund_in_dashboard, demand_again, transmit, transmit, list_movements,
        declare,
    )  # fmt: skip
    GO_ON = (
        confirm, confirm, pay, pay, upload, refuse, pay_by_card, cancel, prolong, suspend, restore, refund,
        reverse, give_back, move, follow, reinvoice,
        take_back, correct, withdraw, correct_vat, credit_in_part, credit_in_part, start_early, teach,
    )  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_random_sales_keep_every_invariant(nimes, settings, seed):
    script = Script()
    settings.INVOICE_PLATFORMS = {"chorus_pro": (PATH, script), "platform": (PATH, script)}
    walk = RandomWalk(seed, nimes, script)
    for number in range(STEPS):
        walk.step()
        broken = {found.code: found.examples for found in check_all() if found.broken}
        assert not broken, f"after {number + 1} steps: {broken}"
    # Most steps were accepted, not refused.
    assert len(walk.done) > 10
