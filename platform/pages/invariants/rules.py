"""What an invariant is, and what is found of it."""

from __future__ import annotations

from dataclasses import dataclass, field

#: How many breaches of one invariant are kept as sentences; all are counted.
KEPT = 20


@dataclass(slots=True)
class Finding:
    """One invariant, and what breaks it."""

    code: str
    rule: str
    broken: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, sentence: str) -> None:
        """Count one breach."""
        self.broken += 1
        if len(self.examples) < KEPT:
            self.examples.append(sentence)


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule and the query for what breaks it."""

    code: str
    rule: str
    sql: str
