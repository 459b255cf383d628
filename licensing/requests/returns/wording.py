"""French texts about licences that come back. Pure."""

import datetime
import enum

from core import formatting
from core.calendar import date_in_paris
from core.formatting import collectivity_forms, school_forms
from licensing.pools.models import DORMANT_FOR
from licensing.requests.returns.models import ReturnOutcome, ReturnRequest


class ReturnStatus(enum.StrEnum):
    """How a request stands: open, unanswered since its last day, or ended."""

    OPEN = "open"
    EXPIRED = "expired"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


#: Label and colour of the badge of a request.
STATUS_BADGES = {
    ReturnStatus.OPEN: ("Attend une réponse", "blue"),
    ReturnStatus.EXPIRED: (ReturnOutcome.EXPIRED.label, "secondary"),
    ReturnStatus.ACCEPTED: (ReturnOutcome.ACCEPTED.label, "green"),
    ReturnStatus.DECLINED: (ReturnOutcome.DECLINED.label, "orange"),
    ReturnStatus.WITHDRAWN: (ReturnOutcome.WITHDRAWN.label, "secondary"),
}


def find_status(request: ReturnRequest, at: datetime.datetime) -> ReturnStatus:
    """Return how a request stands at a moment."""
    if not request.outcome:
        return ReturnStatus.OPEN if at < request.expires_at else ReturnStatus.EXPIRED
    return ReturnStatus(request.outcome)


def describe_demand(request: ReturnRequest) -> str:
    """Return « La Ville de Nîmes vous demande 12 licences qui ne servent pas, jusqu'au 12 décembre 2026. »."""
    unused = "qui ne sert pas" if request.units == 1 else "qui ne servent pas"
    until = formatting.long_date(date_in_paris(request.expires_at))
    return (
        f"{formatting.start_sentence(collectivity_forms(request.collectivity.name).the)} vous demande "
        f"{formatting.pluralize(request.units, 'licence')} {unused}. Répondez jusqu'au {until} ; sans réponse, rien ne "
        "change."
    )


def describe_unused(units: int, product: str, giver: str) -> str:
    """Return « 12 licences de « … » n'ont jamais servi. Rendues, elles redeviennent libres pour d'autres écoles … »."""
    one = units == 1
    never = f"{formatting.pluralize(units, 'licence')} de « {product} » {'n’a' if one else 'n’ont'} jamais servi."
    freed = "Rendue, elle redevient libre" if one else "Rendues, elles redeviennent libres"
    return f"{never} {freed} pour d'autres écoles {collectivity_forms(giver).of_the}."


def describe_nothing_unused(*, given: bool, redeemed: bool, excluded: int) -> str:
    """Return why an office has nothing to ask for: nothing given, no key redeemed, all used, or given lately.

    `excluded`: unused licences of schools that have them lately, or ask for more.
    """
    if not given:
        return "Aucune école n'a encore de licence de vous : il n'y a rien à rendre."
    if not redeemed:
        return (
            "Aucune école n'a encore activé sa clé : ce qui n'est pas activé ne se demande pas, cela se reprend dans "
            "« Attributions »."
        )
    if excluded:
        return f"Aucune licence activée ne dort. {describe_excluded(excluded)}"
    return "Aucune licence activée ne dort : chacune est utilisée, réservée, ou garde une classe."


def describe_excluded(units: int) -> str:
    """Return « 3 licences inutilisées ne sont pas comptées : … » of schools that have them lately, or ask for more."""
    return (
        f"{formatting.pluralize(units, 'licence inutilisée n’est', 'licences inutilisées ne sont')} pas "
        f"{'comptée' if units == 1 else 'comptées'} : {'son' if units == 1 else 'leur'} école "
        f"{'l’a' if units == 1 else 'les a'} depuis moins de {DORMANT_FOR.days} jours, ou vous en demande d'autres."
    )


def describe_given_back(units: int, left: int, giver: str) -> str:
    """Return what a principal did: « 5 licences sont rendues à la Ville de Nîmes ; il vous en reste 3. »."""
    done = formatting.pluralize(units, "licence est rendue", "licences sont rendues")
    rest = f"il vous en reste {formatting.number(left)}" if left else "il ne vous en reste aucune de cette clé"
    return f"{done} {_to_giver(giver)} ; {rest}. Vous pouvez annuler pendant une heure."


def summarise_return(units: int, left: int, school: str, pool: str) -> str:
    """Return the audit summary of a return, without a person's name."""
    name = formatting.start_sentence(school_forms(school).the)
    rest = f"il lui en reste {formatting.number(left)}" if left else "il ne lui en reste aucune"
    return f"{name} a rendu {formatting.pluralize(units, 'licence')} au lot « {pool} » ; {rest}."


def summarise_undone_return(units: int, total: int, school: str, pool: str) -> str:
    """Return the audit summary of a return that was undone."""
    returned = formatting.pluralize(units, "licence reprise", "licences reprises")
    return (
        f"Retour annulé : {returned} au lot « {pool} » par {school_forms(school).the} "
        f"(désormais {formatting.number(total)})."
    )


def summarise_demand(request: ReturnRequest, school: str, pool: str) -> str:
    """Return the audit summary of a request."""
    until = formatting.long_date(date_in_paris(request.expires_at))
    asked = formatting.pluralize(request.units, "licence inutilisée demandée", "licences inutilisées demandées")
    return f"{asked} {school_forms(school).to_the}, du lot « {pool} » ; réponse attendue jusqu'au {until}."


def summarise_answer(request: ReturnRequest, school: str) -> str:
    """Return the audit summary of an answer that keeps the licences."""
    name = formatting.start_sentence(school_forms(school).the)
    kept = "la licence demandée" if request.units == 1 else f"les {request.units} licences demandées"
    return f"{name} garde {kept}."


def summarise_withdrawal(request: ReturnRequest, school: str) -> str:
    """Return the audit summary of a request that was withdrawn."""
    asked = formatting.pluralize(request.units, "licence")
    return f"Demande retirée : {asked} {school_forms(school).of_the}."


def describe_return_day(moment: datetime.datetime) -> str:
    """Return « Rendue le 3 décembre 2026 », of an allocation that is worth nothing any more."""
    return f"Rendue le {formatting.long_date(date_in_paris(moment))}"


def _to_giver(giver: str) -> str:
    return collectivity_forms(giver).to_the
