"""The database holds that each entitlement is that of exactly one order line, and stays so."""

import datetime

import pytest
from django.db import IntegrityError, connection, transaction

from licensing.entitlements.models import Entitlement, EntitlementKind
from licensing.orders import rights
from licensing.orders.models import OrderKind, OrderLine
from tests.conftest import TERM
from tests.factories.licensing import EntitlementFactory, OrderLineFactory, OrderRowFactory, ProductFactory
from tests.factories.orders import OrderFactory
from tests.races import run_concurrently


def insert_entitlement(collectivity):
    return Entitlement.objects.create(
        kind=EntitlementKind.GRANT, number=1, bought_on=TERM.date(), reason="Expérimentation", product=ProductFactory(),
        collectivity=collectivity, first_day=TERM.date(), last_day=datetime.date(2027, 8, 31),
    )  # fmt: skip


def check_as_at_commit():
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def test_the_kinds_of_entitlements_are_those_of_orders():
    assert set(EntitlementKind.values) == set(OrderKind.values)


def test_an_entitlement_without_a_line_is_refused_at_commit(nimes):
    insert_entitlement(nimes)
    with pytest.raises(IntegrityError, match="has no order line"):
        check_as_at_commit()
    transaction.set_rollback(True)


def test_an_entitlement_and_its_line_are_written_in_either_order_within_a_transaction(nimes):
    with transaction.atomic():
        line = OrderLineFactory()
        line.entitlement = insert_entitlement(nimes)
        line.save()
        check_as_at_commit()


def test_two_lines_never_share_an_entitlement(nimes):
    granted = EntitlementFactory()
    with pytest.raises(IntegrityError, match="entitlement_id"), transaction.atomic():
        OrderLineFactory(entitlement=granted)


def release(line):
    OrderLine.objects.filter(pk=line.pk).update(entitlement=None)


def replace(line):
    with transaction.atomic():
        other = insert_entitlement(line.entitlement.collectivity)
        OrderLine.objects.filter(pk=line.pk).update(entitlement=other)


def delete_line(line):
    OrderLine.objects.filter(pk=line.pk).delete()


def delete_line_and_entitlement(line):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM orders_orderline WHERE id = %s", [line.pk])
        cursor.execute("DELETE FROM entitlements_entitlement WHERE id = %s", [line.entitlement_id])


def delete_entitlement(line):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM entitlements_entitlement WHERE id = %s", [line.entitlement_id])
    check_as_at_commit()


def renumber_entitlement(line):
    Entitlement.objects.filter(pk=line.entitlement_id).update(id=line.entitlement_id + 1_000_000)
    check_as_at_commit()


@pytest.mark.parametrize(
    "change", [release, replace, delete_line, delete_line_and_entitlement, delete_entitlement, renumber_entitlement]
)
def test_a_line_keeps_its_entitlement(nimes, change):
    line = EntitlementFactory().order_line
    with pytest.raises(IntegrityError), transaction.atomic():
        change(line)
    line.refresh_from_db()
    assert Entitlement.objects.get() == line.entitlement


def test_a_draft_s_line_is_deleted_freely(nimes):
    OrderFactory().lines.get().delete()
    assert not OrderLine.objects.exists()


@pytest.mark.slow
def test_a_line_granted_by_eight_at_once_has_one_entitlement(committing):
    """Without the order's lock, which only makes the refusal polite."""
    line = OrderLineFactory(order=OrderRowFactory())

    def grant():
        with transaction.atomic():
            return rights.create_entitlement(line.order, OrderLine.objects.get(pk=line.pk), until=None, at=TERM)

    outcomes = run_concurrently(committing.schema_name, [grant] * 8, expected_errors=IntegrityError)
    [granted] = [one for one in outcomes if not isinstance(one, IntegrityError)]
    line.refresh_from_db()
    assert Entitlement.objects.get() == granted == line.entitlement
