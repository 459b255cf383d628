"""Card payments. The provider's page collects the card: card data never reaches this server.

Three steps. `attempts` creates an attempt (`CardPayment`) for an order. `provider_calls` calls the provider, always
outside a transaction. Only `settlement` and `refunds` record its answers, under the order's lock, in one transaction
with the rights of the order. On every trigger (the buyer's return, a webhook, the periodic task) the full state is
fetched from the provider, so that duplicate, late or reordered events have no effect.
"""

from licensing.payments.card.attempts import pay_draft, start_attempt
from licensing.payments.card.refunds import dismiss_message, refund, retry_refund

__all__ = ["dismiss_message", "pay_draft", "refund", "retry_refund", "start_attempt"]
