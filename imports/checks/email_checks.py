"""Checks of the recipient's e-mail address."""

from __future__ import annotations

from collections.abc import Sequence

from core import formatting
from imports.checks import wording
from imports.checks.context import CheckContext, SchoolFacts
from imports.checks.row_types import SharedEmail
from imports.meanings import Meaning, Problem
from imports.parsing.rows import ParsedRow

#: Above this number of schools the message lists no rows, so that it does not change with each of them.
MAX_LISTED_SCHOOLS = 100


def check_missing(problems: Sequence[Problem]) -> list[Problem]:
    """Return the problem of a row without recipient; none if the address already has a blocking problem."""
    if any(problem.column == Meaning.EMAIL and problem.blocking for problem in problems):
        return []
    return [
        Problem(
            "email",
            "email_missing",
            "Aucune adresse e-mail n'est connue pour cette école, ni dans le tableau, ni dans votre périmètre, ni "
            "dans l'annuaire : indiquez-en une.",
        )
    ]


def describe_shared(row: ParsedRow, uai: str, rows: SharedEmail, context: CheckContext) -> Problem:
    """Return the warning about an address shared by several schools of the file."""
    schools = len(rows.schools) + (uai not in rows.schools)
    if schools > MAX_LISTED_SCHOOLS:
        whose = f"plus de {formatting.pluralize(MAX_LISTED_SCHOOLS, 'école')} du tableau"
    else:
        others = (line.place for line in rows.lines if line.uai != uai)
        count = len(rows.lines) - rows.schools.get(uai, 0)
        where = wording.describe_places(others, count, row.sheet, context.sheets)
        whose = f"{formatting.pluralize(schools, 'école')} du tableau (voir aussi {where})"
    return Problem(
        "email",
        "email_shared",
        f"Cette adresse est celle de {whose} : vérifiez qu'elle reçoit bien leurs clés à toutes.",
        blocking=False,
    )


def describe_unknown(school: SchoolFacts) -> Problem:
    """Return the warning about an address found neither in the directory nor in the portfolio."""
    known = f"de l'annuaire ({school.mailbox})" if school.mailbox else "de votre périmètre"
    return Problem(
        "email",
        "email_not_in_directory",
        f"Cette adresse n'est pas celle {known}. La clé y sera bien envoyée ; mais, reçue ailleurs, elle ne suffit pas "
        "à reconnaître le chef d'établissement.",
        blocking=False,
    )


def is_known_email(email: str, school: SchoolFacts) -> bool:
    """Return whether the directory or the portfolio has this address, or neither has any."""
    contact = school.portfolio.contact_email if school.portfolio else ""
    known = (school.mailbox.casefold(), contact.casefold())
    return email.casefold() in known or known == ("", "")
