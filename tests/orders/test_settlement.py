"""Each method of settlement and of payment is declared with all that follows from it."""

from licensing.books.accounting.journals import Journal
from licensing.orders.models import Order
from licensing.orders.settlement import BY_PURCHASE_ORDER, PaymentMethod, SettlementMethod


def test_what_follows_from_each_settlement_method_is_a_sentence():
    for method in SettlementMethod:
        assert method.rules.pitch.endswith("."), method


def test_an_order_is_placed_by_a_purchase_order_or_paid_first():
    methods = [method for method in SettlementMethod if Order(method=method).has_purchase_order]
    assert methods == BY_PURCHASE_ORDER
    assert (SettlementMethod.CARD in methods, SettlementMethod.MANDATE in methods) == (False, True)


def test_each_payment_method_has_its_codes_journals_and_words():
    for method in PaymentMethod:
        rules = method.rules
        # UNTDID 4461, as far as Chorus Pro accepts it.
        assert {rules.code, rules.refund_code} <= {"10", "20", "30", "31", "42", "48", "49", "58", "59", "97"}, method
        assert {rules.journal, rules.refund_journal} <= {*Journal} - {Journal.SALES, Journal.GENERAL}, method
        assert "{order_id}" in rules.entry_label or "{reference}" in rules.entry_label, method
        assert bool(rules.returned) == rules.is_recorded_by_hand, method
