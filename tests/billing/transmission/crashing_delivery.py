"""`python -m tests.billing.transmission.crashing_delivery`: deliver invoices in processes that are killed midway."""

from functools import partial

from tests import crashing_process


def prepare(transmission_id: int) -> partial:
    """Return the delivery of a transmission, as the worker does it."""
    from licensing.books.billing.transmission import delivery  # noqa: PLC0415 - after the set-up
    from licensing.books.billing.transmission.models import Transmission  # noqa: PLC0415 - after the set-up

    return partial(delivery.deliver, Transmission.objects.get(pk=transmission_id))


if __name__ == "__main__":
    crashing_process.serve(prepare)
