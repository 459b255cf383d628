"""Types of the audit: invariants, findings, and what the rules of an office are given of the public schema."""

from __future__ import annotations

from dataclasses import dataclass, field

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
    #: What an office's rule reads of the public schema, under their names.
    public: tuple[PublicRows, ...] = ()
