"""The rules of the audit, which are read from `rules/*.sql`, and what those of an office read of the public schema.

A rule is a query that returns a sentence for each violation. Above it stand its code, where it is checked, its sentence
in French, and what it reads of the public schema: public rules are checked there, those of an office in each
collectivity's schema, those of an outbox in both. Parameters are spelt `%(schema)s`; other `%` stand for themselves.
The rows that rules of an office read of the public schema are the queries of `public_rows.sql`.
"""

import datetime
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.connections import connection
from core.schemas import PublicRows

#: Maximum number of violations kept as sentences per invariant; all are counted.
MAX_EXAMPLES = 20


@dataclass(slots=True)
class Finding:
    """One invariant and its violations."""

    code: str
    rule: str
    broken: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, sentence: str) -> None:
        """Count one violation."""
        self.broken += 1
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(sentence)


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule and the query that returns its violations."""

    code: str
    rule: str
    sql: str
    #: « public », « office » or « outbox ».
    place: str
    #: What an office's rule reads of the public schema, under their names.
    public: tuple[PublicRows, ...]


FOLDER = Path(__file__).parent / "rules"
_BLOCK = re.compile(r"(?P<head>(?:--- .+\n)+)(?P<query>(?:(?!--- ).*\n)+)")
_BEGINNING = r"(\w+) \((public|office|outbox)\) (?=\d+\. )"
_RULE = re.compile(rf"{_BEGINNING}(\d+\. .+?)(?: reads: (.+))?")


def _read_blocks(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the queries of a file, each with the lines of `---` above it as one."""
    # A newline more: the pattern wants one after each line, and a file may end without.
    for block in _BLOCK.finditer(path.read_text(encoding="utf-8") + "\n"):
        yield block["head"].removeprefix("--- ").replace("\n--- ", " ").strip(), block["query"].strip()


def _read_public_rows() -> tuple[dict[str, str], dict[str, PublicRows]]:
    """Return the queries of what an office names of the public schema, and of the rows that are read of it, by name."""
    named, public = {}, {}
    for head, query in _read_blocks(Path(__file__).with_name("public_rows.sql")):
        name, is_public, columns = head.partition(": ")
        if is_public:
            public[name] = PublicRows(name, dict(column.split(" ", 1) for column in columns.split(", ")), query)
        else:
            named[name] = query
    return named, public


_NAMED, PUBLIC_ROWS = _read_public_rows()


def read_invariants(topic: str) -> list[Invariant]:
    """Return the rules of `rules/<topic>.sql`, in their order. Raises `ValueError` for one that is not as above."""
    return [_read_invariant(head, query) for head, query in _read_blocks(FOLDER / f"{topic}.sql")]


def _read_invariant(head: str, query: str) -> Invariant:
    match = _RULE.fullmatch(head)
    # Two beginnings: those of a rule that lost its query, and of the next.
    if match is None or len(re.findall(_BEGINNING, head)) > 1 or not query:
        raise ValueError(f"This heads no rule: {head}")
    code, place, rule, reads = match.groups()
    # Those of the public schema are given no parameters.
    sql = query if place == "public" else re.sub(r"%(?!\()", "%%", query)
    public = tuple(PUBLIC_ROWS[name] for name in (reads or "").split(", ") if name)
    return Invariant(code, rule, sql, place, public)


# What the rules of one schema are given: its name, the moment, and public rows, read once for the first rule.
#
# As parameters: a node that keeps an office knows neither a setting of the session nor the schema it is in.


class OfficeRows:
    """What was read of the public schema for the current one; `collectivity`: None for the portal's own outbox."""

    def __init__(self, *, collectivity: int | None, at: datetime.datetime) -> None:
        self._collectivity = collectivity
        self._at = at
        self._named: dict[str, list[Any]] | None = None
        self._read: dict[str, dict[str, str | None]] = {}

    def read(self, wanted: Iterable[PublicRows]) -> dict[str, Any]:
        """Return the parameters of a rule that reads these rows."""
        parameters: dict[str, Any] = {
            "collectivity": self._collectivity,
            "schema": connection.schema_name,
            "audited_at": self._at,
        }
        for rows in wanted:
            if rows.name not in self._read:
                self._read[rows.name] = rows.read({**parameters, **self._list_named()})
            parameters |= self._read[rows.name]
        return parameters

    def _list_named(self) -> dict[str, list[Any]]:
        """Return what the schema names of the public one. One query, of its own tables."""
        if self._named is None:
            # The portal has an outbox, and no other table of an office.
            asked = _NAMED if self._collectivity is not None else {"waiting_addresses": _NAMED["waiting_addresses"]}
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT {', '.join(f'ARRAY({query})' for query in asked.values())}")
                self._named = dict(zip(asked, cursor.fetchone() or (), strict=True))
        return self._named
