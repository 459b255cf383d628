"""« Ouvrir un lot », on the operator's admin."""

from __future__ import annotations

import pytest
from django_tenants.utils import schema_context

from accounts.models import User
from licensing.orders.models import Order
from licensing.pools.models import Pool
from tenants.models import Collectivity
from tests.factories.accounts import UserFactory

FORM = "/admin/orders/order/ouvrir-un-lot/"


@pytest.fixture
def operator(portal):
    portal.force_login(UserFactory(is_staff=True, is_superuser=True))
    return portal


def test_the_operator_opens_a_pool(operator):
    assert "Ouvrir le lot" in operator.get(FORM).content.decode()
    nimes = Collectivity.objects.get(slug="nimes")
    asked = {"collectivity": nimes.pk, "licences": 12, "reason": "Expérimentation", "name": ""}
    answer = operator.post(FORM, asked, follow=True)
    assert "12\u00a0licences" in answer.content.decode()
    assert Order.objects.get().placed_by == User.objects.get()
    with schema_context(nimes.schema_name):
        assert Pool.objects.get().capacity == 12


def test_the_form_says_what_is_wrong(operator):
    page = operator.post(FORM, {"collectivity": "", "licences": 0, "reason": ""}).content.decode()
    assert "Ce champ est obligatoire" in page
    assert not Order.objects.exists()


def test_orders_are_read_and_not_changed(operator):
    assert operator.get("/admin/orders/order/").status_code == 200
    assert operator.get("/admin/orders/order/add/").status_code == 403


def test_staff_without_the_permission_gives_nothing(portal):
    portal.force_login(UserFactory(is_staff=True))
    assert portal.get(FORM).status_code in (302, 403)
    portal.post(FORM, {"collectivity": Collectivity.objects.first().pk, "licences": 5, "reason": "Essai"})
    assert not Order.objects.exists()
