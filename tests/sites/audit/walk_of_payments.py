"""Acts on payments: received, refunded, reversed, moved; what the card provider says."""

import datetime

from licensing.books.billing.queries import get_balance
from licensing.payments import card
from licensing.payments import operations as payment_operations
from licensing.payments.card_providers import EURO, ProviderOutcome, ProviderRefund, SessionState, to_cents
from licensing.payments.credits import credit_in_part, demand_refunded_part, withdraw_from_contract
from licensing.payments.models import CardPayment, Payment
from licensing.payments.queries import get_surplus, list_owed_orders
from sites.back_office import work_items
from tests.accounting.provider_balance import record_movement, record_movements
from tests.orders import actions
from tests.sites.audit.walk_steps import Steps, WalkSteps


class WalkOfPayments(WalkSteps):
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
        for payment in Payment.objects.filter(kind="received", card__isnull=False, card__balancetransaction=None):
            record_movements(payment.card, at=self.at)
        for payment in Payment.objects.filter(card__isnull=False, kind="refunded"):
            if not payment.card.balancetransaction_set.filter(kind="refund", amount=payment.amount).exists():
                record_movement("refund", payment.amount, card=payment.card, at=self.at)

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
            card.record_outcome(payment_id=payment.pk, outcome=outcome, at=self.at)

    def demand_again(self):
        for order in work_items.list_waiting_orders("avoirs", self.at.date())[:1]:
            demand_refunded_part(order_id=order.pk, **self.by())
            self.done["demanded"] += 1

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

    def withdraw(self, order):
        withdraw_from_contract(order_id=order.pk, name="Camille Durand", by=order.placed_by, at=self.at)

    #: Steps that begin something, then those that go on with an order; as often as they stand.
    BEGIN: Steps = (refund_in_dashboard, demand_again, list_movements)
    GO_ON: Steps = (pay, pay, pay_by_card, credit_in_part, credit_in_part, refund, reverse, give_back, move, withdraw)
