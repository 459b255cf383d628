"""Pages as they are measured: loaded, their queries replayed, their figures beside a floor and a peer."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.db import connection
from django.test import Client

from bench.measure import Measure


@dataclass(frozen=True)
class PageMeasure(Measure):
    """The figures of a page, and its number of queries."""

    queries: int
    max_queries: int
    #: Seconds that the page may take; None where the machine decides.
    max_s: float | None = None

    def line(self) -> str:
        """Return the figures, with the number of queries first."""
        return super().line().replace("  ", f"  queries={self.queries}  ", 1)

    def failures(self) -> list[str]:
        """Return full scans, queries beyond the limit, and the time beyond it."""
        found = super().failures()
        if self.queries > self.max_queries:
            found.append(f"{self.queries} queries, {self.max_queries} at most")
        if self.max_s is not None and self.ours_s > self.max_s:
            found.append(f"{self.ours_s:.3f} s, {self.max_s} at most")
        return found


def load_page(browser: Client, path: str) -> None:
    """Load a page. Raises `RuntimeError` unless it is there."""
    answer = browser.get(path)
    if answer.status_code != HTTPStatus.OK:
        raise RuntimeError(f"The page answered {answer.status_code}.")


def replay(asked: Sequence[tuple[str, Any]]) -> None:
    """Ask a page's queries again and throw the answers away."""
    with connection.cursor() as cursor:
        for sql, params in asked:
            cursor.execute(sql, params)
            cursor.fetchall()
