"""A list turned into the order of the next year, with its quote."""

import datetime

import pytest

from licensing.catalogue.operations import get_school_year
from licensing.catalogue.pricing import NotOnSale
from licensing.orders import operations as orders
from licensing.orders.models import Order, OrderLine, OrderState
from licensing.plans.renewals import queries
from licensing.plans.renewals.models import Renewal, RenewalLine, RenewalOrder, RenewalState
from licensing.plans.renewals.operations import RenewalChanged
from licensing.plans.renewals.queries import count_ordered
from tests.factories.shop import put_on_sale
from tests.pools.actions import allocate_units
from tests.refusals import refuses
from tests.renewals.renewed_office import MAY, YEAR, YEAR_ENDS, RenewedOffice
from tests.tiers import sampled

pytestmark = pytest.mark.slow


@pytest.fixture
def renewed(nimes):
    return RenewedOffice(nimes)


def test_the_order_is_of_next_year_for_what_the_list_lacks(renewed):
    order = renewed.order()
    line = OrderLine.objects.select_related("school_year").get(order=order)
    assert (line.quantity, line.school_year.ends_on) == (9, YEAR_ENDS)
    assert order.quote_number
    assert (order.state, queries.find_state(YEAR)) == (OrderState.DRAFT, RenewalState.QUOTED)
    assert count_ordered(order) == 9


def test_the_list_that_was_ordered_is_kept(renewed):
    renewed.edit({renewed.zola.pk: 2})
    renewed.order()
    for _ in range(2):
        renewed.jaures.assign(at=MAY)
    assert renewed.units() == (6, 3, 2, 0)
    assert sorted(RenewalLine.objects.values_list("units", "typed")) == [(2, True), (3, False), (6, False)]


def test_a_quote_that_is_open_keeps_the_list_as_it_is(renewed):
    renewed.order()
    for act in (renewed.order, renewed.decline, lambda: renewed.edit({renewed.zola.pk: 2})):
        with refuses("wrong_renewal_state", match="devis"):
            act()


def test_an_order_that_is_given_up_opens_the_list_again(renewed):
    renewed.edit({renewed.zola.pk: 2})
    order = renewed.order()
    orders.discard_draft(order_id=order.pk, by=renewed.buyer, at=MAY)
    for _ in range(2):
        renewed.jaures.assign(at=MAY)
    # What was typed stays, the rest follows the year again.
    assert (renewed.units(), queries.find_state(YEAR)) == ((7, 3, 2, 0), RenewalState.OPEN)
    again = renewed.order()
    assert (again.pk != order.pk, RenewalOrder.objects.filter(replaced_at=None).count()) == (True, 1)
    assert OrderLine.objects.get(order=again).quantity == 12


def test_a_placed_order_is_ordered_and_its_list_can_still_move(renewed):
    renewed.place(renewed.order())
    assert queries.find_state(YEAR) == RenewalState.ORDERED
    renewed.edit({renewed.jaures.school.pk: 4, renewed.verne.pk: 2})
    assert renewed.units() == (4, 3, 0, 2)
    renewed.edit_all("this_year")
    assert renewed.units() == (8, 2, 3, 0)
    with refuses("wrong_renewal_state"):
        renewed.order()


def test_what_is_there_already_is_not_bought_again(renewed):
    pool = orders.grant(
        collectivity=renewed.collectivity,
        licences=5,
        reason="Avance",
        by=None,
        at=MAY,
        school_year=get_school_year(YEAR_ENDS),
    )
    allocate_units(pool, renewed.curie.school, units=2, at=MAY)
    found = renewed.read()
    assert (found.total, found.lacking, found.free, found.to_order) == (9, 7, 3, 4)
    assert OrderLine.objects.get(order=renewed.order()).quantity == 4


def test_nothing_is_ordered_for_nobody(renewed):
    renewed.edit_all("nothing")
    with refuses("nothing_to_order"):
        renewed.order()


def test_another_number_than_the_one_shown_is_not_ordered(renewed):
    with pytest.raises(RenewalChanged, match=r"9.licences, et non 12"):
        renewed.order(units=12)
    with pytest.raises(RenewalChanged):
        renewed.order(version=4)
    assert not Order.objects.filter(kind="purchase").exists()
    assert not Renewal.objects.exists()


@pytest.mark.parametrize("sold", sampled(["nothing", "this year"], fast=1))
def test_without_the_prices_of_that_year_nothing_is_ordered(nimes, sold):
    renewed = RenewedOffice(nimes, sells=False)
    if sold == "this year":
        put_on_sale(ends_on=datetime.date(2027, 8, 31))
    with pytest.raises(NotOnSale, match="2027-2028"):
        renewed.order()
    assert not Renewal.objects.exists()
