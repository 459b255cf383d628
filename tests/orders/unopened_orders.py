"""Placed orders whose rights are not opened yet, written straight to the tables, for tests of rights."""

from licensing.orders.models import OrderState
from licensing.orders.settlement import SettlementMethod
from tests.conftest import TERM
from tests.factories.licensing import OrderLineFactory


def create_placed_order(*, by, units, **fields):
    """Return a placed order of one line, before its rights are opened."""
    line = OrderLineFactory(
        quantity=units,
        order__reason="",
        order__state=OrderState.PLACED,
        order__method=SettlementMethod.MANDATE,
        order__placed_by=by,
        order__terms_accepted_at=TERM,
        **{f"order__{name}": value for name, value in fields.items()},
    )
    return line.order
