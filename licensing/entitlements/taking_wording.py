"""French sentences about licences that teachers took: by a school's key, or by accepting an invitation. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from accounts.models import User
from core.formatting import pluralize


def describe_taking(typed: Sequence[User], accepted: Sequence[User]) -> str:
    """Return what happened, in a few words: « 3 enseignants ont accepté votre invitation »."""
    count = len(typed) + len(accepted)
    if count == 1:
        return (
            f"{accepted[0]} a accepté votre invitation" if accepted else "Une clé de votre établissement a été saisie"
        )
    teachers = pluralize(count, "enseignant")
    if not accepted:
        return f"{teachers} ont saisi une clé de votre établissement"
    if not typed:
        return f"{teachers} ont accepté votre invitation"
    return f"{teachers} de plus ont une licence"


def write_typed(teachers: Sequence[User], *, may_see_names: bool) -> list[str]:
    """Return the paragraphs about teachers who typed the key, and what to do about a stranger."""
    who = "cette personne" if len(teachers) == 1 else "l'une de ces personnes"
    advice = f"Si vous n'avez pas transmis la clé à {who}, retirez-lui la licence depuis votre compte."
    return [_write(teachers, "saisi la clé de votre abonnement", may_see_names=may_see_names), advice]


def write_accepted(teachers: Sequence[User]) -> list[str]:
    """Return the paragraphs about teachers who accepted an invitation, and what to do about a stranger."""
    question = (
        "Ce n'est pas la personne que vous avez invitée ?"
        if len(teachers) == 1
        else "L'une de ces personnes n'est pas celle que vous avez invitée ?"
    )
    return [
        _write(teachers, "accepté votre invitation", may_see_names=True),
        f"{question} Retirez-lui la licence depuis votre compte.",
    ]


def _write(teachers: Sequence[User], act: str, *, may_see_names: bool) -> str:
    """Return who did it: in the sentence where it is one person, below it, each on a line, where there are several."""
    names = [f"{teacher} ({teacher.email})" for teacher in teachers] if may_see_names else []
    if len(teachers) == 1:
        return f"{names[0] if names else 'Un enseignant'} a {act} et bénéficie désormais d'une licence."
    sentence = f"{pluralize(len(teachers), 'enseignant')} ont {act} et bénéficient désormais chacun d'une licence"
    return "\n".join([f"{sentence} :", *[f"– {name}" for name in names]]) if names else f"{sentence}."
