"""Whom the key is written to, and what is worth saying about that address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imports.meanings import Meaning
from imports.problems import Problem
from imports.verdicts import wording
from web import typography

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imports.reading.rows import CheckedRow
    from imports.verdicts.situation import SchoolFacts, Situation
    from imports.verdicts.together import Shared


#: An address of more schools than these is told without its rows, so that one of them more or less changes nothing.
MANY = 100


def missing(problems: Sequence[Problem]) -> list[Problem]:
    """Return what to say where nobody can be written to; nothing where a fault of the address was told already."""
    if any(problem.column == Meaning.EMAIL and problem.blocking for problem in problems):
        return []
    return [
        Problem(
            "email",
            "no_email",
            "Aucune adresse e-mail n'est connue pour cette école, ni dans le tableau, ni dans votre périmètre, ni "
            "dans l'annuaire : indiquez-en une.",
        )
    ]


def shared(row: CheckedRow, uai: str, rows: Shared, situation: Situation) -> Problem:
    """Return what to say of an address that several schools of the file have."""
    schools = len(rows.schools) + (uai not in rows.schools)
    if schools > MANY:
        whose = f"plus de {typography.plural(MANY, 'école')} du tableau"
    else:
        others = (line.place for line in rows.lines if line.uai != uai)
        count = len(rows.lines) - rows.schools.get(uai, 0)
        where = wording.places(others, count, row.sheet, situation.sheets)
        whose = f"{typography.plural(schools, 'école')} du tableau (voir aussi {where})"
    return Problem(
        "email",
        "email_shared",
        f"Cette adresse est celle de {whose} : vérifiez qu'elle reçoit bien leurs clés à toutes.",
        blocking=False,
    )


def elsewhere(school: SchoolFacts) -> Problem:
    """Return the hint about an address that is neither the directory's nor the remit's."""
    known = f"de l'annuaire ({school.mailbox})" if school.mailbox else "de votre périmètre"
    return Problem(
        "email",
        "email_elsewhere",
        f"Cette adresse n'est pas celle {known}. La clé y sera bien envoyée ; mais, reçue ailleurs, elle ne suffit pas "
        "à reconnaître le chef d'établissement.",
        blocking=False,
    )


def is_known(email: str, school: SchoolFacts) -> bool:
    """Tell whether an address is the directory's or the remit's, or whether neither has one to compare with."""
    contact = school.remit.contact_email if school.remit else ""
    known = (school.mailbox.casefold(), contact.casefold())
    return email.casefold() in known or known == ("", "")
