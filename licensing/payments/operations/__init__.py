"""Operations on payments. Each locks the order first; rights follow in the same transaction."""

from licensing.payments.operations.receipts import is_school_year_over, record_payment, settle_by_card
from licensing.payments.operations.refunds import record_provider_refund, refund
from licensing.payments.operations.reversals import reverse_payment
from licensing.payments.operations.surpluses import give_back_surplus, move_surplus

__all__ = [
    "give_back_surplus",
    "is_school_year_over",
    "move_surplus",
    "record_payment",
    "record_provider_refund",
    "refund",
    "reverse_payment",
    "settle_by_card",
]
