"""Paying by card. A provider's page asks for the card: no card data touches us.

Three moments. `starting` makes an attempt (`CardPayment`) for an order. `asking` talks to the provider, always outside
a transaction. `settling` alone writes what the provider said, under the order's lock, in one transaction with what the
order opens. Whatever wakes us (the buyer who returns, the provider's webhook, the duty that catches up), the provider
is asked anew and its whole answer taken: what was told twice, late or out of order changes nothing.
"""

from licensing.orders.card.providers import available
from licensing.orders.card.settling import looked_at, refund, send_again
from licensing.orders.card.starting import start

__all__ = ["available", "looked_at", "refund", "send_again", "start"]
