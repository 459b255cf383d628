"""Operations on payments. Each locks the order first; rights follow in the same transaction."""

from licensing.payments.operations.receipts import is_school_year_over, record_payment, settle_by_card
from licensing.payments.operations.refunds import refund
from licensing.payments.operations.reversals import reverse_payment

__all__ = ["is_school_year_over", "record_payment", "refund", "reverse_payment", "settle_by_card"]
