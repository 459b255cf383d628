"""What an import's report tells a member about a row's number or school, before anything is applied."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

#: Codes that warn about neither the number nor the school of a row.
INFORMATIVE = frozenset(
    """
    matched_by_name repaired email_shared email_not_in_directory email_missing email_invalid multiple_emails changes
    file_remark
    """.split()  # noqa: SIM905 - a list of quoted words is read by nobody
)
#: Share of wrong matches among those of a confidence of `HIGH_CONFIDENCE` or more, at most.
HIGH_CONFIDENCE, MAX_HIGH_WRONG = 0.95, 1 / 2_000


def list_questions(output: dict[str, Any]) -> list[str]:
    """Return the codes of the questions about the file as a whole."""
    return [problem["code"] for problem in output["problems"] if not problem["row"]]


def find_flagged_rows(output: dict[str, Any]) -> set[tuple[str, int]]:
    """Return the rows, by sheet and number, that have a problem about number or school, or are unticked without one.

    A row that is unticked for want of an e-mail address says nothing of its number.
    """
    codes = [((problem["sheet"], problem["row"]), problem["code"]) for problem in output["problems"] if problem["row"]]
    unticked = {(sheet, row) for sheet, row in output["unticked"]} - {place for place, _ in codes}
    return unticked | {place for place, code in codes if code not in INFORMATIVE}


def find_rows_set_aside(output: dict[str, Any]) -> set[tuple[str, int]]:
    """Return the flagged rows about which nothing is said but that their school has no class from CP to CM2.

    Such a row was read without a doubt, and is unticked by the rule about levels.
    """
    codes: dict[tuple[str, int], set[str]] = {}
    for problem in output["problems"]:
        codes.setdefault((problem["sheet"], problem["row"]), set()).add(problem["code"])
    return {place for place, found in codes.items() if found - INFORMATIVE == {"no_elementary"}}


@dataclass
class ConfidenceScore:
    """Automatic matches, and the wrong ones among them, by decile of confidence."""

    matches: Counter[int] = field(default_factory=Counter)
    wrong: Counter[int] = field(default_factory=Counter)
    high: int = 0
    high_wrong: int = 0

    def add(self, confidence: float | None, *, wrong: bool) -> None:
        """Count a match; one without confidence was found by its UAI and counts as certain."""
        certainty = 1.0 if confidence is None else confidence
        decile = min(9, int(certainty * 10))
        self.matches[decile] += 1
        self.wrong[decile] += wrong
        if certainty >= HIGH_CONFIDENCE:
            self.high += 1
            self.high_wrong += wrong

    def update(self, other: ConfidenceScore) -> None:
        """Add the counts of another score."""
        self.matches += other.matches
        self.wrong += other.wrong
        self.high += other.high
        self.high_wrong += other.high_wrong

    def figures(self) -> dict[str, Any]:
        """Return the counts by decile, and those of high confidence."""
        return {
            "deciles": {
                f"{decile / 10:.1f}": {"matches": self.matches[decile], "wrong": self.wrong[decile]}
                for decile in sorted(self.matches)
            },
            "at_least_0.95": {"matches": self.high, "wrong": self.high_wrong},
        }

    def line(self) -> str:
        """Return the precision by decile in one line."""
        deciles = "  ".join(
            f"{decile / 10:.1f}={self.matches[decile] - self.wrong[decile]}/{self.matches[decile]}"
            for decile in sorted(self.matches)
        )
        return f"right by decile of confidence: {deciles}  wrong from 0.95: {self.high_wrong}/{self.high}"

    def failures(self) -> list[str]:
        """Return a sentence where too many matches of high confidence are wrong."""
        if self.high_wrong <= self.high * MAX_HIGH_WRONG:
            return []
        return [f"{self.high_wrong} of {self.high} matches of a confidence of {HIGH_CONFIDENCE} or more are wrong"]
