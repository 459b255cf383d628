"""The same work in many schemas, in several connections."""

import contextlib
import threading
import time

import pytest
from django.db import OperationalError

from core.connections import connection
from tenants.schema_migrations import work_in_schemas

SCHEMAS = [f"c_{number}" for number in range(20)]


class Work:
    """Notes who worked on which schema; fails in one of them."""

    def __init__(self) -> None:
        self.threads: dict[str, threading.Thread] = {}

    def __call__(self, schema: str) -> None:
        self.threads[schema] = threading.current_thread()
        if schema == "c_7":
            raise ValueError(schema)
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        time.sleep(0.01)


@pytest.fixture
def work():
    return Work()


@pytest.mark.parametrize(("number", "in_threads"), [(4, True), (4, False), (1, True), (0, True)])
def test_each_schema_is_worked_on_once_and_one_that_fails_is_named(db, settings, work, number, in_threads):
    settings.MIGRATION_CONNECTIONS = number
    ended = dict(work_in_schemas(SCHEMAS, work, in_threads=in_threads))
    assert ended.keys() == work.threads.keys() == set(SCHEMAS)
    assert [schema for schema, error in ended.items() if error] == ["c_7"]
    assert (threading.main_thread() in work.threads.values()) is not (number > 1 and in_threads)


def test_threads_that_cannot_connect_leave_the_work_to_the_caller(db, monkeypatch, work):
    @contextlib.contextmanager
    def refuse(_role):
        raise OperationalError("too many connections")
        yield

    monkeypatch.setitem(work_in_schemas.__globals__, "connected_as", refuse)
    assert len(list(work_in_schemas(SCHEMAS, work))) == 20
    assert set(work.threads.values()) == {threading.main_thread()}


def test_what_stops_the_caller_stops_the_threads(db, work):
    ended = work_in_schemas(SCHEMAS, work)
    next(ended)
    ended.close()
    begun = len(work.threads)
    assert begun < 20
    time.sleep(0.1)
    assert len(work.threads) == begun
