"""Two officers at once, two files over the last licences: the database decides, one of them is told politely."""

from __future__ import annotations

from imports import operations, queries, tasks
from imports.enums import ImportState
from imports.models import Import
from licensing.exceptions import Refused
from licensing.pools.models import Allocation, Pool
from mailing.models import Message
from tests.conftest import TERM
from tests.factories.licensing import PoolFactory
from tests.factories.schools import SchoolFactory
from tests.imports.conftest import listing, uploaded
from tests.races import at_once


def confirmed(pool, content):
    table = uploaded(pool, content)
    operations.confirm(import_id=table.pk, digest=queries.digest(table), send_on=None, by=None, at=TERM)
    return table


def test_one_import_applied_by_many_workers_at_once_is_applied_once(committing):
    pool = PoolFactory(capacity=100)
    table = confirmed(pool, listing(*[(school, 2) for school in SchoolFactory.create_batch(10)]))
    at_once(committing.schema_name, [lambda: tasks.apply(import_id=table.pk)] * 8, refusals=())
    table.refresh_from_db()
    assert table.state == ImportState.APPLIED
    assert Allocation.objects.count() == Message.objects.count() == 10
    assert Pool.objects.get(pk=pool.pk).allocated == 20


def test_two_managers_confirm_the_same_import_at_once(committing):
    pool = PoolFactory(capacity=100)
    table = uploaded(pool, listing((SchoolFactory(), 2)))
    shown = queries.digest(table)

    def confirm():
        return operations.confirm(import_id=table.pk, digest=shown, send_on=None, by=None, at=TERM).pk

    assert at_once(committing.schema_name, [confirm] * 8, refusals=Refused) == [table.pk] * 8
    tasks.apply(import_id=table.pk)
    assert Allocation.objects.count() == 1


def test_two_imports_over_the_last_licences_give_one_and_refuse_one(committing):
    pool = PoolFactory(capacity=10)
    tables = [confirmed(pool, listing((SchoolFactory(), 6), (SchoolFactory(), 4))) for _ in range(2)]
    at_once(committing.schema_name, [lambda t=t: tasks.apply(import_id=t.pk) for t in tables], refusals=())
    states = sorted(Import.objects.values_list("state", flat=True))
    assert states == [ImportState.APPLIED, ImportState.CHECKED]
    assert "lot" in Import.objects.get(state=ImportState.CHECKED).refusal
    assert Pool.objects.get(pk=pool.pk).allocated == 10
    assert Allocation.objects.count() == 2


def test_a_row_is_changed_while_the_import_is_confirmed(committing):
    pool = PoolFactory(capacity=10)
    table = uploaded(pool, listing((SchoolFactory(), 6), (SchoolFactory(), 4)))
    shown = queries.digest(table)
    confirm = lambda: operations.confirm(import_id=table.pk, digest=shown, send_on=None, by=None, at=TERM)  # noqa: E731
    untick = lambda: operations.amend(import_id=table.pk, number=3, ticked=False, by=None, at=TERM)  # noqa: E731
    outcomes = at_once(committing.schema_name, [confirm, untick], refusals=Refused)
    # Whoever came second was refused: what is applied is what was shown.
    assert sum(isinstance(outcome, Refused) for outcome in outcomes) == 1


def test_an_import_is_cancelled_while_it_is_applied(committing):
    pool = PoolFactory(capacity=10)
    table = confirmed(pool, listing((SchoolFactory(), 6)))
    cancel = lambda: operations.cancel(import_id=table.pk, by=None, at=TERM)  # noqa: E731
    at_once(committing.schema_name, [lambda: tasks.apply(import_id=table.pk), cancel], refusals=Refused)
    table.refresh_from_db()
    given = Allocation.objects.count()
    assert (table.state, given) in [(ImportState.APPLIED, 1), (ImportState.CANCELLED, 0)]
