"""Scores the result of an import against the expected rows."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bench.damaged.expectations import DamagedFile, ExpectedMatch, ExpectedRow
from bench.damaged.flagged_rows import ConfidenceScore, find_flagged_rows, list_questions
from schools.folding import fold

#: What is expected of a row that is not in the table.
_NO_ROW = ExpectedRow(ExpectedMatch.NEVER)
#: The meanings that a column of quantities may be given.
_QUANTITIES = ("units", "classes", "quantity")


class Mismatch(NamedTuple):
    """One deviation from the expected result. `row` is 0 for the file as a whole."""

    file: str
    sheet: str
    row: int
    expected: str
    got: str


@dataclass
class Score:
    """Correct and total counts of one file or of all."""

    name: str
    files: int = 0
    layouts: int = 0
    rows: Counter[ExpectedMatch] = field(default_factory=Counter)
    right: Counter[ExpectedMatch] = field(default_factory=Counter)
    automatic: int = 0
    wrong: int = 0
    quantities: int = 0
    quantities_right: int = 0
    #: Rows whose number or school differs from what was meant, without a problem.
    silent: int = 0
    confidence: ConfidenceScore = field(default_factory=ConfidenceScore)
    mismatches: list[Mismatch] = field(default_factory=list)

    def share(self, expected: ExpectedMatch) -> float:
        """Return the share of correct rows of this kind; 1 where there are none."""
        return self.right[expected] / self.rows[expected] if self.rows[expected] else 1.0

    @property
    def wrong_share(self) -> float:
        """Return the wrong matches as a share of the automatic ones."""
        return self.wrong / self.automatic if self.automatic else 0.0

    def line(self) -> str:
        """Return the score in one line."""
        shares = "  ".join(f"{kind}={self.right[kind]}/{self.rows[kind]}" for kind in ExpectedMatch if self.rows[kind])
        return (
            f"{self.name}: layout={self.layouts}/{self.files}  {shares}  wrong={self.wrong}/{self.automatic}  "
            f"quantities={self.quantities_right}/{self.quantities}  silent={self.silent}"
        )

    def figures(self) -> dict[str, Any]:
        """Return the score as a dictionary."""
        return {
            "name": self.name, "files": self.files, "layouts_right": self.layouts,
            "rows": {kind.value: self.rows[kind] for kind in ExpectedMatch},
            "right": {kind.value: self.right[kind] for kind in ExpectedMatch},
            "automatic": self.automatic, "wrong": self.wrong, "quantities": self.quantities,
            "quantities_right": self.quantities_right, "silent": self.silent,
        }  # fmt: skip


def sum_scores(scores: Iterable[Score]) -> Score:
    """Return the sum of the scores."""
    sum_of_scores = Score("total")
    for score in scores:
        sum_of_scores.files += score.files
        sum_of_scores.layouts += score.layouts
        sum_of_scores.rows += score.rows
        sum_of_scores.right += score.right
        sum_of_scores.automatic += score.automatic
        sum_of_scores.wrong += score.wrong
        sum_of_scores.quantities += score.quantities
        sum_of_scores.quantities_right += score.quantities_right
        sum_of_scores.silent += score.silent
        sum_of_scores.confidence.update(score.confidence)
        sum_of_scores.mismatches += score.mismatches
    return sum_of_scores


def score_file(file: DamagedFile, output: dict[str, Any]) -> Score:
    """Return the score of a file. `output`: the parsed JSON of `import_spreadsheet --json`."""
    result = Score(file.name, files=1)
    result.mismatches += [Mismatch(file.name, "", 0, *fault) for fault in _layout_mismatches(file, output)]
    result.layouts = int(not result.mismatches)
    # With one sheet, rows are compared by number alone.
    several = len(file.sheets) > 1
    resolved = {(row["sheet"] if several else "", row["row"]): row for row in output["resolved"]}
    problems: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    for problem in output["problems"]:
        problems[problem["sheet"] if several else "", problem["row"] or 0].append(problem["code"])
    truths = {(sheet if several else "", row): truth for (sheet, row), truth in file.rows.items()}
    result.automatic = len(resolved)
    flagged = {(sheet if several else "", row) for sheet, row in find_flagged_rows(output)}
    unflagged = resolved.keys() - flagged
    asked = bool(list_questions(output))
    for place, row in resolved.items():
        truth = truths.get(place, _NO_ROW)
        is_wrong = _is_wrong(row["uai"], truth)
        result.confidence.add(row["confidence"], wrong=is_wrong)
        # A question excuses a row that has no number yet, and none that has a wrong one.
        is_awaited = asked and row["quantity"] is None
        differs = file.has_quantities and row["quantity"] != truth.quantity and not is_awaited
        result.silent += place in unflagged and (is_wrong or differs)
    for place in resolved.keys() - truths.keys():
        result.wrong += 1
        result.mismatches.append(Mismatch(file.name, *place, "no row of the table", resolved[place]["uai"]))
    for place, truth in truths.items():
        _judge(result, place, truth, resolved.get(place), problems[place], with_quantity=file.has_quantities)
    return result


def _is_wrong(found: str, truth: ExpectedRow) -> bool:
    """Return whether a row was given a school that is not its own."""
    return bool(found) and (found != truth.uai or truth.expected is ExpectedMatch.NEVER)


def _judge(
    result: Score,
    place: tuple[str, int],
    truth: ExpectedRow,
    row: dict[str, Any] | None,
    codes: list[str],
    *,
    with_quantity: bool,
) -> None:
    found = row["uai"] if row is not None else ""
    wrong = _is_wrong(found, truth)
    ignored = "ignored" in codes
    right = {
        ExpectedMatch.IGNORED: not found and ignored,
        # Must be reported and left to a person, not ignored.
        ExpectedMatch.NEVER: not found and bool(codes) and not ignored,
        ExpectedMatch.OPEN: not wrong and (bool(found) or (bool(codes) and not ignored)),
    }.get(truth.expected, found == truth.uai)
    result.rows[truth.expected] += 1
    result.right[truth.expected] += right
    result.wrong += wrong
    if not right:
        got = found or ", ".join(codes) or "not in the answer"
        result.mismatches.append(Mismatch(result.name, *place, f"{truth.expected} {truth.uai}", got))
    elif row is not None and with_quantity:
        result.quantities += 1
        result.quantities_right += row["quantity"] == truth.quantity
        if row["quantity"] != truth.quantity:
            expected = f"quantity {truth.quantity}"
            result.mismatches.append(Mismatch(result.name, *place, expected, str(row["quantity"])))


def _layout_mismatches(file: DamagedFile, output: dict[str, Any]) -> list[tuple[str, str]]:
    mismatches = [
        (problem["column"] or "no question", problem["code"]) for problem in output["problems"] if not problem["row"]
    ]
    if output["state"] == "rejected":
        mismatches.append(("read", output["refusal"]))
    if output["header_row"] not in file.header_rows:
        mismatches.append((f"titles in row {file.header_rows}", str(output["header_row"])))
    sheets = set(output.get("sheets") or [output["sheet"]])
    if file.sheets != ("",) and sheets != set(file.sheets):
        mismatches.append((f"sheets {sorted(file.sheets)}", str(sorted(sheets))))
    for meaning, title in file.columns.items():
        titles = [output["columns"].get(name) for name in (_QUANTITIES if meaning == "quantity" else (meaning,))]
        if not any(got is not None and fold(part) in fold(got) for got in titles for part in title.split("|")):
            mismatches.append((f"{meaning} « {title} »", f"{output['columns']}"))
    if "uai" not in file.columns and file.name != "uai_columns_of_other_schools" and "uai" in output["columns"]:
        mismatches.append(("no column of UAI", output["columns"]["uai"]))
    return mismatches
