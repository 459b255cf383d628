"""`python -m tests.payments.card.crashing_settlement`: settle payments in processes that are killed midway."""

from functools import partial

from tests import crashing_process


def prepare(payment_id: int) -> partial:
    """Return the settlement of a payment, as the webhook does it."""
    from django.utils import timezone  # noqa: PLC0415 - after the set-up

    from licensing.payments import card  # noqa: PLC0415 - after the set-up
    from licensing.payments.models import CardPayment  # noqa: PLC0415 - after the set-up

    return partial(card.poll_payment, CardPayment.objects.get(pk=payment_id), at=timezone.now())


if __name__ == "__main__":
    crashing_process.serve(prepare)
