"""The operator's grants: an order line with its reason, and the pool it opens."""

import datetime
import json

import pytest
from django.core.management import CommandError, call_command
from django_tenants.utils import schema_context

from collectivities.models import AuditEntry
from licensing.entitlements.models import Entitlement
from licensing.orders import operations
from licensing.orders.models import Order, OrderLine
from licensing.pools.models import Pool
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.refusals import refuses


def grant(collectivity, **changes):
    kwargs = {"licences": 613, "reason": "Expérimentation", "by": None, "at": TERM, **changes}
    return operations.grant(collectivity=collectivity, **kwargs)


def test_a_grant_is_an_order_line_that_opens_a_pool(nimes):
    operator = UserFactory()
    pool = grant(nimes, by=operator, name="  Rentrée 2026 ")
    line = OrderLine.objects.select_related("order", "school_year").get()
    assert (line.quantity, line.order.reason, line.order.placed_by) == (613, "Expérimentation", operator)
    assert pool.entitlement == Entitlement.objects.get(order_line=line)
    provenance = (pool.entitlement.kind, pool.entitlement.number, pool.entitlement.bought_on, pool.entitlement.reason)
    assert provenance == ("grant", line.order_id, TERM.date(), "Expérimentation")
    assert pool.entitlement.first_day == TERM.date()
    assert pool.entitlement.last_day == line.school_year.ends_on == datetime.date(2027, 8, 31)
    assert (pool.name, pool.capacity, pool.allocated, pool.entitlement.collectivity) == ("Rentrée 2026", 613, 0, nimes)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.object_id, entry.actor_name) == ("pools.opened", pool.pk, str(operator))
    assert "613" in entry.summary
    assert "Expérimentation" in entry.summary


def test_the_pool_is_opened_in_the_collectivitys_schema_whatever_the_current_one(nimes, gard):
    with schema_context("public"):
        grant(gard)
    assert not Pool.objects.exists()
    with schema_context(gard.schema_name):
        assert Pool.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"licences": 0}, "invalid_quantity"),
        ({"licences": -3}, "invalid_quantity"),
        ({"licences": 1_000_001}, "invalid_quantity"),
        ({"reason": "  "}, "no_reason"),
        ({"name": "x" * 121}, "name_too_long"),
    ],
)
def test_what_is_refused_changes_nothing(nimes, changes, code):
    with refuses(code):
        grant(nimes, **changes)
    assert not Order.objects.exists()
    assert not Pool.objects.exists()


def test_the_command_prints_json(nimes, capsys):
    call_command(
        "open_pool", "--collectivity", "NIMES", "--licences", "12", "--reason", "Essai", "--name", "Lot A", "--json"
    )
    answer = json.loads(capsys.readouterr().out)
    pool = Pool.objects.get()
    assert answer == {
        "collectivity": "nimes",
        "pool": pool.pk,
        "name": "Lot A",
        "licences": 12,
        "order": Order.objects.get().pk,
        "last_day": answer["last_day"],
    }


def test_the_command_speaks_french(nimes, capsys):
    call_command("open_pool", "--collectivity", "nimes", "--licences", "1", "--reason", "Essai")
    out = capsys.readouterr().out
    assert "1\u00a0licence, jusqu'au 31\u00a0août" in out


@pytest.mark.parametrize(
    ("collectivity", "licences", "sentence"),
    [("nulle-part", "3", "gard, nimes"), ("nimes", "0", "de 1 à 1\u202f000\u202f000 licences")],
)
def test_the_command_refuses_in_a_sentence(nimes, collectivity, licences, sentence):
    with pytest.raises(CommandError, match=sentence):
        call_command("open_pool", "--collectivity", collectivity, "--licences", licences, "--reason", "Essai")
    assert not Order.objects.exists()
