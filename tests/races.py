"""Real races: threads with connections of their own, released at the same moment, whose commits are real."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier
from typing import TYPE_CHECKING

from django.db import connection
from django_tenants.utils import schema_context

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def at_once(
    schema: str, actions: Sequence[Callable[[], object]], *, refusals: type[Exception] | tuple[type[Exception], ...]
) -> list[object]:
    """Run the actions at the same moment inside `schema`, a thread each; return what each returned, or its refusal.

    An exception that is no refusal (a deadlock, a broken constraint) fails the test.
    """
    start = Barrier(len(actions), timeout=30)

    def run(action: Callable[[], object]) -> object:
        with closing(connection), schema_context(schema), connection.cursor() as cursor:
            cursor.execute("SELECT 1")  # connected before the race, not in it
            start.wait()
            try:
                return action()
            except refusals as refusal:
                return refusal

    with ThreadPoolExecutor(max_workers=len(actions)) as threads:
        return list(threads.map(run, actions))
