"""The `committing` fixture, which the race tests rely on."""

from django.db import connection, transaction

from licensing.pools.models import Pool
from tests.factories.licensing import PoolFactory
from tests.races import run_concurrently


def test_what_one_thread_commits_another_sees(committing):
    pool = PoolFactory(capacity=4)
    assert not connection.in_atomic_block

    def rename() -> str:
        with transaction.atomic():
            locked = Pool.objects.locked().get(pk=pool.pk)
            locked.name += "!"
            locked.save(update_fields=["name"])
        return locked.name

    names = run_concurrently(committing.schema_name, [rename] * 8, expected_errors=())
    assert sorted(map(len, names)) == [len(pool.name) + n for n in range(1, 9)]


def test_the_next_test_finds_nothing_of_it(committing):
    assert not Pool.objects.exists()
