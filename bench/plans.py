"""What PostgreSQL does to answer: the plan of each question that some code asks, and which read a table whole."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_INDEX_SCANS = ("Index Scan", "Index Only Scan", "Bitmap Index Scan")


@dataclass
class Plans:
    """The questions asked while it watches, and how they are answered.

    `walked` names the indexes that are read from one end on purpose, to stop at the twentieth row; `small`, the tables
    of a few rows, which are read whole whatever stands in the rest.
    """

    walked: frozenset[str] = frozenset()
    small: frozenset[str] = frozenset()
    asked: list[tuple[str, Any]] = field(default_factory=list)

    @contextlib.contextmanager
    def watch(self) -> Iterator[None]:
        """Note what is asked within."""
        with connection.execute_wrapper(self._note):
            yield

    def _note(self, execute: Callable[..., Any], sql: str, params: Any, *more: Any) -> Any:
        if sql.lstrip().upper().startswith(("SELECT", "WITH")):
            self.asked.append((sql, params))
        return execute(sql, params, *more)

    def whole_reads(self) -> list[str]:
        """Return what is read whole, a table or an index without a condition on it, once each."""
        found = set()
        for sql, params in self._questions():
            found |= {self._told(node) for node in _nodes(sql, params) if self._is_whole(node)}
        return sorted(found)

    def texts(self) -> list[str]:
        """Return each question once, in the order asked, as it stood at first, with its plan and the rows met."""
        texts: dict[str, str] = {}
        for sql, params in self._questions():
            if sql not in texts:
                texts[sql] = f"{' '.join(sql.split())}\n{_text(sql, params)}"
        return list(texts.values())

    def _questions(self) -> Iterator[tuple[str, Any]]:
        """Return each question in turn, under the settings under which it was asked."""
        for sql, params in self.asked:
            if "set_config" in sql:
                with connection.cursor() as cursor:
                    cursor.execute(sql, params)
            else:
                yield sql, params

    def _is_whole(self, node: dict[str, Any]) -> bool:
        kind = node["Node Type"]
        if node.get("Relation Name") in self.small:
            return False
        if kind in _INDEX_SCANS:
            return "Index Cond" not in node and node["Index Name"] not in self.walked
        return kind == "Seq Scan"

    @staticmethod
    def _told(node: dict[str, Any]) -> str:
        return f"{node['Node Type']} of {node.get('Index Name') or node.get('Relation Name')}, whole"


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
