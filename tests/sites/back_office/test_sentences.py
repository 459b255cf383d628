"""The operator's sentences are text templates without escaping: what somebody typed is escaped by the pages."""

import pytest

from licensing.orders.models import Order, PurchaseOrderScan
from sites.back_office.order_actions import ORDER_ACTIONS
from tests.factories.orders import OrderFactory
from tests.factories.schools import AffiliationFactory

pytestmark = pytest.mark.slow

TYPED = "[notice] <b>Ogec</b> & {{ today }}"
ESCAPED = "[notice] &lt;b&gt;Ogec&lt;/b&gt; &amp; {{ today }}"


@pytest.mark.parametrize(
    ("state", "actions"),
    [
        ("in_review", ["ouvrir", "refuser", "tva"]),
        ("scanned", ["confirmer", "tva"]),
        ("cancelled", []),
    ],
)
def test_what_looks_like_markup_or_a_template_stays_text(operator, state, actions):
    order = OrderFactory(current=True, **{state: True})
    # Past the operations, which refuse names like this one.
    Order.objects.update(bill_name=TYPED, bill_city=TYPED, cancellation_reason=TYPED)
    PurchaseOrderScan.objects.update(filename=TYPED)
    AffiliationFactory(user=order.placed_by, school=None, name=TYPED)
    available = [action.path for action in ORDER_ACTIONS if action.is_available(order)]
    assert set(actions) <= set(available)
    pages = {path: operator.get(f"/admin/orders/order/{order.pk}/faire/{path}/") for path in available}
    pages[""] = operator.get(f"/admin/orders/order/{order.pk}/change/")
    assert [path for path, page in pages.items() if "<b>Ogec" in page.content.decode()] == []
    assert [path for path in ["", *actions] if ESCAPED not in pages[path].content.decode()] == []
