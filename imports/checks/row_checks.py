"""Verdicts of one row, field by field, and of all rows of a file."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from collectivities.operations.portfolio import MAX_CLASSES, SchoolContact
from core import formatting
from imports.checks import school_checks, unit_checks
from imports.checks.context import (
    NO_FINDINGS,
    AddedRows,
    CheckContext,
    CheckRequest,
    ComparableRow,
    CrossRowFindings,
    RepeatedSchool,
    RowOutcome,
    SchoolFacts,
    SharedEmail,
)
from imports.checks.cross_row_checks import build_comparable_rows, compare_rows, compare_rows_fast
from imports.checks.problem_codes import RESOLUTIONS_BY_CODE, UNTICKING
from imports.checks.unit_checks import ROW_VOLUMES, get_requested_units
from imports.columns import PORTFOLIO_FIELDS, Meaning
from imports.enums import APPLICABLE, Purpose, Verdict, Volume
from imports.parsing.rows import ParsedRow
from imports.problems import (
    ANOTHER_ROW_COUNTS,
    COUNTED_WITH_ANOTHER,
    LEFT_OUT_CODES,
    ROWS_COMBINED,
    Problem,
    warning,
)

#: Above this number of schools the message lists no rows, so that it does not change with each of them.
MAX_LISTED_SCHOOLS = 100


def check_missing(problems: Sequence[Problem]) -> Iterator[Problem]:
    """Yield the problem of a row without recipient; none if the address already has a blocking problem."""
    if not any(problem.column == Meaning.EMAIL and problem.blocking for problem in problems):
        yield Problem(
            "email",
            "email_missing",
            "Aucune adresse e-mail n'est connue pour cette école, ni dans le tableau, ni dans votre périmètre, ni "
            "dans l'annuaire : indiquez-en une.",
        )


def describe_shared(row: ParsedRow, uai: str, rows: SharedEmail, context: CheckContext) -> Problem:
    """Return the warning about an address shared by several schools of the file."""
    schools = len(rows.schools) + (uai not in rows.schools)
    if schools > MAX_LISTED_SCHOOLS:
        whose = f"plus de {formatting.pluralize(MAX_LISTED_SCHOOLS, 'école')} du tableau"
    else:
        others = (line.place for line in rows.lines if line.uai != uai)
        count = len(rows.lines) - rows.schools.get(uai, 0)
        where = school_checks.describe_places(others, count, row.sheet, context.sheets)
        whose = f"{formatting.pluralize(schools, 'école')} du tableau (voir aussi {where})"
    return warning(
        "email",
        "email_shared",
        f"Cette adresse est celle de {whose} : vérifiez qu'elle reçoit bien leurs clés à toutes.",
    )


def describe_unknown(school: SchoolFacts) -> Problem:
    """Return the warning about an address found neither in the directory nor in the portfolio."""
    known = f"de l'annuaire ({school.mailbox})" if school.mailbox else "de votre périmètre"
    return warning(
        "email",
        "email_not_in_directory",
        f"Cette adresse n'est pas celle {known}. La clé y sera bien envoyée ; mais, reçue ailleurs, elle ne suffit pas "
        "à reconnaître le chef d'établissement.",
    )


def is_known_email(email: str, school: SchoolFacts) -> bool:
    """Return whether the directory or the portfolio has this address, or neither has any."""
    contact = school.portfolio.contact_email if school.portfolio else ""
    known = (school.mailbox.casefold(), contact.casefold())
    return email.casefold() in known or known == ("", "")


def check_class_count(row: ParsedRow) -> Iterator[Problem]:
    """Yield the problem of a number of classes out of range."""
    if row.classes is not None and not 1 <= row.classes <= MAX_CLASSES:
        yield Problem(
            "classes",
            "classes_out_of_range",
            f"Une école a de 1 à {MAX_CLASSES} classes : corrigez ce nombre, ou videz la case pour ne rien changer.",
        )


def compare_entry(
    row: ParsedRow, before: SchoolContact | None, problems: Iterable[Problem]
) -> tuple[Verdict, list[Problem]]:
    """Return the verdict of a portfolio row, and its changes in words."""
    if any(problem.blocking for problem in problems):
        return Verdict.ERROR, []
    if before is None:
        return Verdict.NEW, []
    changes = []
    for meaning, field in PORTFOLIO_FIELDS.items():
        value, previous = getattr(row, meaning), getattr(before, field.name)
        if value not in ("", None) and value != previous:
            change = value if previous in ("", None) else f"{previous} → {value}"
            changes.append(f"{field.noun} : {change}")
    if not changes:
        return Verdict.UNCHANGED, []
    description = " ; ".join(changes)
    return Verdict.CHANGED, [warning("", "changes", f"{formatting.start_sentence(description)}.")]


def check_rows(read_rows: Callable[[], Iterable[CheckRequest]], context: CheckContext) -> Iterator[RowOutcome]:
    """Yield the outcome of each row of a file, in order, with cross-row checks.

    Lazy, so that rows are stored while the next are checked. `read_rows` returns the rows anew for each check, so that
    they are never all in memory.
    """
    findings = compare_rows_fast(read_rows(), context) or compare_rows(build_comparable_rows(read_rows(), context))
    for request in read_rows():
        yield check_row_fast(request, context, findings) or check_row(request, context, findings)


def check_row_fast(request: CheckRequest, context: CheckContext, findings: CrossRowFindings) -> RowOutcome | None:
    """Return the outcome of a row without problems, None if it needs the full check.

    Fast path for most rows of most files: takes a third of the time of `check_row`.
    """
    row, found, set_aside, _, conflict_resolution, own_units = request
    school = context.schools.get(found.uai)
    if (
        school is None
        or row.problems
        or row.ignored
        or set_aside
        or conflict_resolution
        or school_checks.needs_note(found)
        or context.purpose is not Purpose.ALLOCATION
        or context.additions is not None
    ):
        return None
    label, closed, elementary, mailbox, known, held, _, elsewhere = school
    units = row.units if context.volume in ROW_VOLUMES or own_units else get_requested_units(request, context)
    email = row.email
    classes = row.classes
    if known is not None:
        if classes and known.classes and classes != known.classes:
            return None
        classes = classes if known.classes is None else known.classes
        email = email or known.contact_email
    elif context.has_portfolio:
        return None
    if (
        closed
        or not (elementary or not context.for_elementary)
        or not isinstance(units, int)
        or units < held
        or (elsewhere and units > held)
        or units == 0
        or (classes and units > classes)
        or (email != mailbox and row.email)
        or not (email or mailbox)
        or found.uai in findings.same_school
        or (email and email.lower() in findings.shared)
        or units >= findings.check_threshold
    ):
        return None
    verdict = Verdict.NEW if held == 0 else Verdict.UNCHANGED if units == held else Verdict.CHANGED
    return RowOutcome(
        request, label, email or mailbox, units, held, None, verdict, [], verdict is not Verdict.UNCHANGED
    )


def check_row(request: CheckRequest, context: CheckContext, findings: CrossRowFindings = NO_FINDINGS) -> RowOutcome:
    """Return the outcome of a row. `findings`: cross-row checks of its file."""
    row, found = request.row, request.school
    school = context.schools.get(found.uai) if found.uai else None
    if row.ignored or request.set_aside:
        return _ignored_outcome(request, school, context)
    problems = list(row.problems)
    wanted = get_requested_units(request, context) if context.purpose is Purpose.ALLOCATION else None
    if isinstance(wanted, Problem):
        problems.append(wanted)
        wanted = None
    if found.uai in findings.same_school:
        beside = _check_repeated(request, wanted, findings.same_school[found.uai], context)
        request, wanted = beside.request, beside.units
        if beside.left_out is not None:
            label, recipient, held = _label_recipient_held(request, school)
            reasons = [beside.left_out]
            return RowOutcome(request, label, recipient, wanted, held, None, Verdict.IGNORED, reasons, ticked=False)
        problems += beside.problems
    if school is None:
        problems.append(school_checks.describe_not_found(request, context))
    elif school_checks.needs_note(found) or school.closed or not school.elementary or school.portfolio is None:
        problems += school_checks.describe_match(request, school)
        problems += school_checks.check_school(request, school, context)
        if school.closed and not found.proposals and found.uai in context.successors:
            request = request._replace(school=found._replace(proposals=(context.successors[found.uai],)))
    if row.email and row.email.lower() in findings.shared:
        problems.append(describe_shared(row, found.uai, findings.shared[row.email.lower()], context))
    if context.purpose is Purpose.PORTFOLIO:
        return _portfolio_outcome(request, school, problems)
    return _allocation_outcome(request, school, wanted, problems, findings, context=context)


def _label_recipient_held(request: CheckRequest, school: SchoolFacts | None) -> tuple[str, str, int]:
    """Return the label, the recipient's address, and the licences held by the school."""
    if school is None:
        cells = request.row.cells
        named = [cells[meaning] for meaning in (Meaning.NAME, Meaning.COMMUNE) if meaning in cells]
        return " – ".join(named)[:400], request.row.email, 0
    contact = school.portfolio.contact_email if school.portfolio else ""
    return school.label, request.row.email or contact or school.mailbox, school.held


def _ignored_outcome(request: CheckRequest, school: SchoolFacts | None, context: CheckContext) -> RowOutcome:
    label, recipient, held = _label_recipient_held(request, school)
    left_out = next((note for note in reversed(request.row.notes) if note.code in LEFT_OUT_CODES), None)
    if request.row.ignored:
        reason = warning("", left_out.code if left_out else "ignored", request.row.ignored)
    elif request.awaited:
        reason = warning(
            "",
            "awaited",
            f"Gardée de côté jusqu'à ce que l'annuaire connaisse {request.school.uai or 'son école'} : elle vous sera "
            "alors proposée de nouveau.",
        )
    elif left_out is not None:
        reason = left_out.problem
    else:
        reason = warning("", "set_aside", "Mise de côté : elle ne sera pas appliquée.")
    reasons = [reason]
    if request.school.doubt:
        # Kept with the row, so that restoring it restores its doubt.
        reasons.append(school_checks.describe_not_found(request, context)._replace(blocking=False))
    return RowOutcome(request, label, recipient, None, held, None, Verdict.IGNORED, reasons, ticked=False)


class _RowBesideOthers(NamedTuple):
    """A row beside the others of its school: its request, its number, its problems, or why it does not count."""

    request: CheckRequest
    units: int | None
    problems: Sequence[Problem] = ()
    left_out: Problem | None = None


def _check_repeated(
    request: CheckRequest, wanted: int | None, same_school: RepeatedSchool, context: CheckContext
) -> _RowBesideOthers:
    added = same_school.sum
    if added is None:
        problem = _repeated_school_problem(request, same_school, context)
        if problem is None:
            return _RowBesideOthers(request, wanted)
        if problem.blocking:
            return _RowBesideOthers(request, wanted, [problem])
        return _RowBesideOthers(request, wanted, left_out=problem)
    if (request.row.sheet, request.row.number) == added.first.place:
        return _RowBesideOthers(
            _combine_row(request, added, context), added.units, [_describe_sum(request, added, context)]
        )
    left_out = _describe_term(request, same_school.lines, added, context)
    return _RowBesideOthers(request, None if left_out else wanted, left_out=left_out)


def _combine_row(request: CheckRequest, added: AddedRows, context: CheckContext) -> CheckRequest:
    """Return the first of the rows that were added up with the number of all, unless a member typed one."""
    if request.own_units:
        return request
    units = (request.row.units or 0) + added.added
    # The classes of one row are not those of the rows that were added up.
    classes = units if context.volume is Volume.CLASSES else None
    return request._replace(row=request.row._replace(units=units, classes=classes))


def _describe_sum(request: CheckRequest, added: AddedRows, context: CheckContext) -> Problem:
    """Return what is told in the first of the rows that were added up."""
    row = request.row
    own = added.terms[row.sheet, row.number]
    others = [(place, units) for place, units in added.terms.items() if place != (row.sheet, row.number)]
    shown = [
        f"{school_checks.describe_place(place, row.sheet, context.sheets)} ({formatting.number(units)})"
        for place, units in others[: school_checks.MAX_NAMED_ROWS]
    ]
    if left := len(others) - len(shown):
        shown.append(f"{formatting.number(left)} autres")
    where = formatting.join_words(shown)
    if request.own_units:
        message = f"Le nombre indiqué ici vaut aussi pour les autres lignes de cette école : {where}."
    else:
        licences = formatting.pluralize(own + added.added, "licence")
        message = f"{licences}, somme des lignes de cette école : {formatting.number(own)} ici, plus {where}."
    return Problem("units", ROWS_COMBINED, message, blocking=False, added=added.added)


def _describe_term(
    request: CheckRequest, lines: Sequence[ComparableRow], added: AddedRows, context: CheckContext
) -> Problem | None:
    """Return why a row has no number of its own: another has it; None where its number cannot be read."""
    row = request.row
    place = (row.sheet, row.number)
    term = next(line.term for line in lines if line.place == place)
    first = school_checks.describe_place(added.first.place, row.sheet, context.sheets)
    units = added.terms.get(place)
    if units is None:
        if term is None or term.units is None:
            return None
        return warning(
            "", ANOTHER_ROW_COUNTS, f"Ligne que le fichier écarte ; une autre de cette école compte ({first})."
        )
    message = f"Même école que la {first}, qui en porte le nombre ({formatting.pluralize(units, 'licence')} ici)."
    if term is not None and term.units != units:
        message += " La même personne y est déjà comptée."
    return warning("", COUNTED_WITH_ANOTHER, message + _describe_lost_address(request, added.first, context))


def _describe_lost_address(request: CheckRequest, first: ComparableRow, context: CheckContext) -> str:
    """Return the sentence about the address of a row that does not count beside the first of its school."""
    email = request.row.email
    if context.purpose is not Purpose.ALLOCATION or not email or email.lower() == first.email:
        return ""
    return f" L'adresse {email} de cette ligne ne sert donc pas."


def _repeated_school_problem(
    request: CheckRequest, same_school: RepeatedSchool, context: CheckContext
) -> Problem | None:
    """Return the problem of a school with several rows; None for the first of identical rows."""
    row = request.row
    here = (row.sheet, row.number)
    if same_school.agree:
        first = same_school.lines[0]
        if first.place == here:
            return None
        where = school_checks.describe_place(first.place, row.sheet, context.sheets)
        lost = _describe_lost_address(request, first, context)
        return warning("uai", "duplicate", f"Cette école figure déjà à la {where}.{lost}")
    others = (line for line in same_school.lines if line.place != here)
    count = len(same_school.lines) - 1
    if context.purpose is Purpose.PORTFOLIO:
        where = school_checks.describe_places((line.place for line in others), count, row.sheet, context.sheets)
        return Problem(
            "uai",
            "conflicting_duplicate",
            f"Cette école figure aussi ailleurs avec d'autres renseignements ({where}) : corrigez-les, ou mettez l'une "
            "des lignes de côté.",
        )
    descriptions = [
        f"{school_checks.describe_place(line.place, row.sheet, context.sheets)} "
        f"({'nombre illisible' if line.units is None else line.units})"
        for line in islice(others, school_checks.MAX_NAMED_ROWS)
    ]
    left = count - len(descriptions)
    return Problem(
        "uai",
        "conflicting_duplicate",
        f"Cette école figure aussi avec un autre nombre : {', '.join(descriptions)}"
        f"{f' et {left} autres' if left else ''}. Corrigez-le, ou mettez l'une des lignes de côté.",
    )


def _portfolio_outcome(request: CheckRequest, school: SchoolFacts | None, problems: list[Problem]) -> RowOutcome:
    label = _label_recipient_held(request, school)[0]
    problems += check_class_count(request.row)
    before = school.portfolio if school else None
    verdict, changes = compare_entry(request.row, before, problems)
    return RowOutcome(
        request,
        label,
        request.row.email,
        None,
        0,
        before._asdict() if before else None,
        verdict,
        problems + changes,
        ticked=verdict in APPLICABLE and not any(problem.code in UNTICKING for problem in problems),
    )


def _allocation_outcome(
    request: CheckRequest,
    school: SchoolFacts | None,
    units: int | None,
    problems: list[Problem],
    findings: CrossRowFindings,
    *,
    context: CheckContext,
) -> RowOutcome:
    label, recipient, held = _label_recipient_held(request, school)
    email = request.row.email
    if school is None:
        return RowOutcome(request, label, recipient, units, held, None, Verdict.ERROR, problems, ticked=False)
    if units == 0 and held == 0:
        reason = warning("units", "zero_units", "0 licence demandée : il n'y a rien à attribuer.")
        return RowOutcome(request, label, recipient, 0, 0, None, Verdict.IGNORED, [reason], ticked=False)
    if not recipient:
        problems += check_missing(problems)
    elif email and email != school.mailbox and not is_known_email(email, school):
        problems.append(describe_unknown(school))
    if units:
        problems += unit_checks.check_plausibility(request, units, school, findings)
        problems += unit_checks.check_other_pools(request, units, school, context)
        problems += unit_checks.check_addition(request, school, context)
    verdict = _verdict(units, held, problems)
    if verdict is Verdict.CONFLICT and units is not None:
        problems.append(unit_checks.describe_lower(units, school))
    if request.conflict_resolution and (
        verdict is not Verdict.CONFLICT
        or request.conflict_resolution not in RESOLUTIONS_BY_CODE.get(problems[-1].code, ())
    ):
        # The number or the allocation changed since: this resolution no longer applies.
        request = request._replace(conflict_resolution="")
    ticked = verdict in APPLICABLE or request.conflict_resolution != ""
    if problems and ticked and not request.conflict_resolution:
        ticked = not any(problem.code in UNTICKING for problem in problems)
    return RowOutcome(request, label, recipient, units, held, None, verdict, problems, ticked)


def _verdict(units: int | None, held: int, problems: Iterable[Problem]) -> Verdict:
    if units is None or any(problem.blocking for problem in problems):
        return Verdict.ERROR
    if units == held:
        return Verdict.UNCHANGED
    if held == 0:
        return Verdict.NEW
    return Verdict.CHANGED if units > held else Verdict.CONFLICT
