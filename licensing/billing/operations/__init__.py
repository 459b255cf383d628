"""Operations on orders that issue, cancel or follow invoices. Each locks the order first."""

from licensing.billing.operations.billing_completion import (
    complete_billing_details,
    correct_billing_details,
    is_correctable,
)
from licensing.billing.operations.confirmation import confirm
from licensing.billing.operations.corrections import cancel, reissue_invoice
from licensing.billing.operations.platform_statuses import (
    list_next_states,
    record_deposit,
    record_platform_status,
    take_back_platform_status,
)
from licensing.billing.operations.vat_after_rejection import reissue_with_vat

__all__ = [
    "cancel",
    "complete_billing_details",
    "confirm",
    "correct_billing_details",
    "is_correctable",
    "list_next_states",
    "record_deposit",
    "record_platform_status",
    "reissue_invoice",
    "reissue_with_vat",
    "take_back_platform_status",
]
