"""French texts about requests. Pure."""

import datetime

from django.utils import timezone

from core import formatting
from core.calendar import PARIS, date_in_paris
from core.formatting import collectivity_forms, format_school_year
from licensing.requests.school_requests.models import (
    LicenceRequest,
    LicenceRequestEnd,
    TeacherRequest,
    TeacherRequestEnd,
)


def format_day(at: datetime.datetime) -> str:
    """Return « 3 novembre 2026 », in Paris."""
    return formatting.long_date(date_in_paris(at))


def describe_asked(request: LicenceRequest) -> str:
    """Return what a school asked for: « 3 licences pour 2026-2027 »."""
    return f"{formatting.pluralize(request.units, 'licence')} pour {format_school_year(request.school_year)}"


def describe_to_school(request: LicenceRequest) -> str:
    """Return in one sentence, for the school, where its request stands."""
    of = collectivity_forms(request.collectivity.name)
    asked = f"{describe_asked(request)}, demandées {of.to_the} le {format_day(request.created_at)}"
    if request.units == 1:
        asked = asked.replace("demandées", "demandée")
    if request.outcome:
        return f"{asked} : {_describe_end(request, 'demande refusée', 'demande retirée')}"
    if request.granted_until is not None:
        return f"{asked} : {_describe_granted(request)}. La collectivité peut encore annuler jusqu'à {_hour(request)}."
    return f"{asked} : envoyée, la réponse viendra par e-mail."


def describe_to_office(request: LicenceRequest) -> str:
    """Return in one sentence, for the office, what a school asked and what came of it."""
    asked = f"{describe_asked(request)}, demande du {format_day(request.created_at)}"
    if request.outcome:
        end = _describe_end(request, "refusée", "retirée par l'école")
        return f"{asked} : {end}"
    if request.granted_until is not None:
        return f"{asked} : {describe_grant(request)}."
    return f"{asked} : en attente de votre réponse."


def _describe_end(request: LicenceRequest, refused: str, withdrawn: str) -> str:
    if request.outcome == LicenceRequestEnd.EXPIRED:
        return "restée sans réponse jusqu'à la fin de l'année scolaire."
    day = f" le {format_day(request.ended_at)}" if request.ended_at else ""
    if request.outcome == LicenceRequestEnd.ACCEPTED:
        given = formatting.pluralize(request.accepted_units or 0, "licence donnée", "licences données")
        return f"{given}{day}."
    if request.outcome == LicenceRequestEnd.REFUSED:
        return f"{refused}{day}. « {request.answer} »"
    return f"{withdrawn}{day}."


def describe_grant(request: LicenceRequest) -> str:
    """Return, for the office, what a rebalancing grants and until when it can be undone; empty where none does."""
    if request.granted_until is None:
        return ""
    return f"{_describe_granted(request)} par un rééquilibrage, que vous pouvez annuler jusqu'à {_hour(request)}"


def describe_to_teacher(request: TeacherRequest | None) -> str:
    """Return in one sentence, for the teacher, where their request stands; empty where there is nothing to say."""
    if request is None:
        return ""
    asked = f"Vous avez demandé une licence à votre direction le {format_day(request.created_at)}"
    match request.outcome:
        case "":
            return f"{asked} : elle la voit dans son compte."
        case TeacherRequestEnd.REFUSED:
            answer = f" Elle vous répond : « {request.answer} »" if request.answer else ""
            return f"{asked} : elle ne peut pas vous en donner une.{answer}"
    return ""


def _describe_granted(request: LicenceRequest) -> str:
    return formatting.pluralize(request.accepted_units or 0, "licence accordée", "licences accordées")


def _hour(request: LicenceRequest) -> str:
    """Return « 15 h 12 », in Paris: until when what grants the request can be undone."""
    until = timezone.localtime(request.granted_until, PARIS)
    return f"{until.hour} h {until:%M}"
