"""A worker on a restored copy takes no job, and says so; it goes on by itself once the hold is lifted."""

import time

import pytest
from django.db import connection
from procrastinate.contrib.django import app

from jobs.tasks import defer, task
from tests.database_roles import connect_administrator
from tests.waits import LAST_S, wait_until
from tests.workers import running_worker


@pytest.fixture
def remembered(committing):
    """Return what the worker's task wrote."""

    @task(name="tests.remember")
    def remember(*, word: str, after: str = "") -> None:
        raise AssertionError("runs in the worker's process only")

    with connect_administrator() as administrator:
        administrator.execute("CREATE TABLE IF NOT EXISTS public.tests_remembered (word text, schema text)")
        administrator.execute("GRANT ALL ON public.tests_remembered TO PUBLIC")

    def read():
        with connection.cursor() as cursor:
            cursor.execute("SELECT word FROM public.tests_remembered")
            return [word for (word,) in cursor.fetchall()]

    yield read
    app.tasks.pop("tests.remember")
    with connect_administrator() as administrator:
        administrator.execute("UPDATE public.installation_installation SET held_at = NULL")
        administrator.execute("DROP TABLE public.tests_remembered")


@pytest.mark.slow
def test_a_worker_of_a_copy_waits_and_goes_on(remembered):
    with connect_administrator() as administrator:
        administrator.execute("UPDATE public.installation_installation SET held_at = now()")
        defer("tests.remember", schema="c_nimes", word="once")
        with running_worker("--until-idle") as process:
            assert "may be a copy (BY_HAND)" in process.communicate(timeout=LAST_S)[1]
        assert remembered() == []
        with running_worker():
            administrator.execute("UPDATE public.installation_installation SET held_at = NULL")
            assert wait_until(remembered) == ["once"]
            # Held while it runs: what is queued from then on waits.
            administrator.execute("UPDATE public.installation_installation SET held_at = now()")
            wait_until(lambda: not administrator.execute("SELECT FROM procrastinate_workers").rowcount)
            defer("tests.remember", schema="c_nimes", word="twice")
            # Nothing is to happen: there is nothing to wait for.
            time.sleep(3)
            assert remembered() == ["once"]
