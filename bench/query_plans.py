"""Query plans: the plan of each query that some code runs, and full scans among them."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

_INDEX_SCANS = ("Index Scan", "Index Only Scan", "Bitmap Index Scan")


@dataclass
class QueryPlans:
    """Records queries and explains them.

    `walked` names indexes scanned in order on purpose until a LIMIT; `small`, tables of a few rows, which are always
    scanned.
    """

    walked: frozenset[str] = frozenset()
    small: frozenset[str] = frozenset()
    asked: list[tuple[str, Any]] = field(default_factory=list)

    @contextlib.contextmanager
    def watch(self) -> Iterator[None]:
        """Record the queries of the block."""
        with connection.execute_wrapper(self._note):
            yield

    def _note(self, execute: Callable[..., Any], sql: str, params: Any, *more: Any) -> Any:
        # A UNION begins with a bracket.
        if sql.lstrip(" \n(").upper().startswith(("SELECT", "WITH")):
            self.asked.append((sql, params))
        return execute(sql, params, *more)

    def full_scans(self) -> list[str]:
        """Return each full scan once: a table, or an index without a condition."""
        found = set()
        for sql, params in self._queries():
            found |= {self._describe(node) for node in _nodes(sql, params) if self._is_full_scan(node)}
        return sorted(found)

    def texts(self) -> list[str]:
        """Return each distinct query once, in order, with its plan and row counts."""
        texts: dict[str, str] = {}
        for sql, params in self._queries():
            if sql not in texts:
                texts[sql] = f"{' '.join(sql.split())}\n{_text(sql, params)}"
        return list(texts.values())

    def _queries(self) -> Iterator[tuple[str, Any]]:
        """Yield each query, replaying the settings it ran under."""
        for sql, params in self.asked:
            if "set_config" in sql:
                with connection.cursor() as cursor:
                    cursor.execute(sql, params)
            else:
                yield sql, params

    def _is_full_scan(self, node: dict[str, Any]) -> bool:
        kind = node["Node Type"]
        if node.get("Relation Name") in self.small:
            return False
        if kind in _INDEX_SCANS:
            return "Index Cond" not in node and node["Index Name"] not in self.walked
        return kind == "Seq Scan"

    @staticmethod
    def _describe(node: dict[str, Any]) -> str:
        return f"{node['Node Type']} of {node.get('Index Name') or node.get('Relation Name')}, full scan"


def _nodes(sql: str, params: Any) -> Iterator[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
        [[answer]] = cursor.fetchall()
    waiting = [answer[0]["Plan"]]
    while waiting:
        node = waiting.pop()
        waiting += node.get("Plans", [])
        yield node


def _text(sql: str, params: Any) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, BUFFERS OFF, SUMMARY OFF) {sql}", params)
        return "\n".join(f"    {line}" for (line,) in cursor.fetchall())
