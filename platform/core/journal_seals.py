"""Seals of append-only journals and books: chains of hashes that show what was changed, deleted or slipped in.

A seal holds the digest of each entry that it covers and the hash of the seal before it. Entries are sealed some minutes
after they were written, by a task that takes no lock on them: writers never wait. Why: docs/decisions/0092.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction

from core.advisory_locks import try_transaction_lock
from core.connections import connection

logger = logging.getLogger(__name__)

#: Entries per seal, which bounds the memory of sealing and of the audit.
MAX_ENTRIES = 5000
#: Ids are given before the commit: an entry may appear after later ones. None appears this long after them.
LATE_ENTRIES = datetime.timedelta(days=1)
_DIGEST_BYTES = 32


class Seal(models.Model):
    """A link of the chain. Append-only."""

    number = models.PositiveIntegerField("numéro", primary_key=True)
    sealed_at = models.DateTimeField("scellé le")
    entry_ids: models.Field[Any, Any] = ArrayField(models.BigIntegerField())
    #: SHA-256 of each entry, in the order of `entry_ids`.
    digests = models.BinaryField()
    #: Hash of the seal before; empty for the first.
    previous = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"n° {self.number}"

    def compute_hash(self) -> str:
        """Return the SHA-256 of all that the seal says."""
        content = [self.number, self.sealed_at, list(self.entry_ids), bytes(self.digests).hex(), self.previous]
        return _hash(content).hex()

    def get_digest(self, position: int) -> bytes:
        """Return the digest of the entry at this position of `entry_ids`."""
        return bytes(self.digests)[position * _DIGEST_BYTES : (position + 1) * _DIGEST_BYTES]


#: Every journal that the apps declare.
sealed_journals: list[SealedJournal] = []


@dataclass(frozen=True, slots=True)
class SealedJournal:
    """A journal and its chain, in the current schema."""

    entries: type[models.Model]
    seals: type[Seal]
    #: The columns that are sealed, or SQL expressions of them, such as the hash of a long one. A column that is added
    #: later is not in the digests of earlier entries.
    columns: tuple[str, ...]
    #: How long entries are kept; None: for ever. The chain then begins with the first seal that was kept.
    kept_for: datetime.timedelta | None = None

    def __post_init__(self) -> None:
        sealed_journals.append(self)

    @property
    def entries_table(self) -> str:
        """The name of the table of entries."""
        return self.entries._meta.db_table  # noqa: SLF001 - documented

    @property
    def seals_table(self) -> str:
        """The name of the table of seals."""
        return self.seals._meta.db_table  # noqa: SLF001 - documented

    @transaction.atomic
    def seal_new_entries(self, *, at: datetime.datetime) -> int:
        """Seal the entries that no seal covers yet; return how many. Does nothing while another worker does."""
        if not try_transaction_lock(f"seals:{connection.schema_name}:{self.seals_table}"):
            return 0
        total = 0
        while rows := self._read_new_entries(at, limit=MAX_ENTRIES):
            last = self.seals._default_manager.order_by("-number").first()  # noqa: SLF001 - documented
            seal = self.seals(
                number=last.number + 1 if last else 1,
                sealed_at=at,
                entry_ids=[row[0] for row in rows],
                digests=b"".join(_hash(row) for row in rows),
                previous=last.hash if last else "",
            )
            seal.hash = seal.compute_hash()
            seal.save(force_insert=True)
            total += len(rows)
            # The log of the server is elsewhere: who rewrote the whole chain would have to rewrite it as well.
            logger.info("Seal %s of %s.%s: %s", seal.number, connection.schema_name, self.entries_table, seal.hash)
        return total

    def has_new_entries(self, *, at: datetime.datetime) -> bool:
        """Whether there are entries that no seal covers yet, such as those that another worker is sealing."""
        return bool(self._read_new_entries(at, limit=1))

    def find_tampering(self, *, at: datetime.datetime) -> Iterator[str]:
        """Yield a French sentence for each entry or seal that is not as it was sealed."""
        previous: Seal | None = None
        for seal in self.seals._default_manager.order_by("number").iterator(chunk_size=1):  # noqa: SLF001 - documented
            if previous is None:
                if self.kept_for is None and (seal.number != 1 or seal.previous):
                    yield f"sceau n° {seal.number} : les précédents manquent"
            elif seal.number != previous.number + 1 or seal.previous != previous.hash:
                yield f"sceau n° {seal.number} : ne suit pas le sceau n° {previous.number}"
            if seal.compute_hash() != seal.hash:
                yield f"sceau n° {seal.number} : modifié"
            yield from self._compare_entries(seal)
            previous = seal
        yield from self._find_slipped_in(at)

    def _compare_entries(self, seal: Seal) -> Iterator[str]:
        found = {row[0]: row for row in self._read_entries("id = ANY(%s)", [list(seal.entry_ids)])}
        for position, entry_id in enumerate(seal.entry_ids):
            if entry_id not in found:
                yield f"ligne n° {entry_id} : supprimée depuis son scellement"
            elif _hash(found[entry_id]) != seal.get_digest(position):
                yield f"ligne n° {entry_id} : modifiée depuis son scellement"

    def _find_slipped_in(self, at: datetime.datetime) -> Iterator[str]:
        """Find the entries among older ones that no seal covers: none is written so late."""
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                SELECT entry.id FROM {self.entries_table} AS entry
                WHERE entry.id <= (SELECT max(last.entry_ids[cardinality(last.entry_ids)])
                                   FROM {self.seals_table} AS last WHERE last.sealed_at < %s)
                  AND NOT EXISTS (SELECT FROM {self.seals_table} AS seal, unnest(seal.entry_ids) AS sealed
                                  WHERE sealed = entry.id)
                ORDER BY 1
                """,  # noqa: S608 - names of tables
                [at - LATE_ENTRIES],
            )
            for (entry_id,) in cursor.fetchall():
                yield f"ligne n° {entry_id} : inscrite après coup parmi des lignes scellées"

    def _read_new_entries(self, at: datetime.datetime, *, limit: int) -> list[Sequence[Any]]:
        closed = at - LATE_ENTRIES
        condition = f"""
            id > (SELECT coalesce(max(last.entry_ids[cardinality(last.entry_ids)]), 0)
                  FROM {self.seals_table} AS last WHERE last.sealed_at < %s)
            AND NOT EXISTS (SELECT FROM {self.seals_table} AS recent, unnest(recent.entry_ids) AS sealed
                            WHERE recent.sealed_at >= %s AND sealed = {self.entries_table}.id)
            ORDER BY id LIMIT {limit}
        """  # noqa: S608 - names of tables
        return self._read_entries(condition, [closed, closed])

    def _read_entries(self, condition: str, parameters: list[Any]) -> list[Sequence[Any]]:
        names = ", ".join(["id", *self.columns])
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {names} FROM {self.entries_table} WHERE {condition}", parameters)  # noqa: S608 - names of columns
            rows: list[Sequence[Any]] = cursor.fetchall()
        return rows


def _hash(values: Sequence[Any]) -> bytes:
    """Return the SHA-256 of values as JSON; moments in UTC, so that the time zone of the reader does not matter."""
    text = json.dumps(list(values), ensure_ascii=False, separators=(",", ":"), default=_to_text)
    return hashlib.sha256(text.encode()).digest()


def _to_text(value: object) -> str:
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat(timespec="microseconds")
    return str(value)
