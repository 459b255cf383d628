"""Real races: threads with their own connections, started together, whose commits are real."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier
from typing import TYPE_CHECKING, Any

from django.db import connection
from django_tenants.utils import schema_context

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def run_concurrently(
    schema: str,
    actions: Sequence[Callable[..., Any]],
    *,
    expected_errors: type[Exception] | tuple[type[Exception], ...],
) -> list[Any]:
    """Run the actions concurrently in `schema`, a thread each; return each result or refusal.

    Any other exception (a deadlock, a broken constraint) fails the test.
    """
    start = Barrier(len(actions), timeout=30)

    def run(action: Callable[..., Any]) -> Any:
        with closing(connection), schema_context(schema), connection.cursor() as cursor:
            cursor.execute("SELECT 1")  # connected before the race, not in it
            start.wait()
            try:
                return action()
            except expected_errors as refusal:
                return refusal

    with ThreadPoolExecutor(max_workers=len(actions)) as threads:
        return list(threads.map(run, actions))
