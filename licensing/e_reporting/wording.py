"""Sentences of the back office on periods and their reports."""

from __future__ import annotations

from core.calendar import date_in_paris
from core.formatting import long_date
from licensing.billing.transmission.models import TransmissionState
from licensing.e_reporting.models import PeriodReport
from licensing.e_reporting.periods import ReportKind
from licensing.e_reporting.queries import PeriodStatement

_NAMES = {ReportKind.SALES: "Ventes aux particuliers", ReportKind.PAYMENTS: "Encaissements des particuliers"}
_SENDING = {
    TransmissionState.TO_SEND: "en cours d'envoi à la plateforme",
    TransmissionState.SENT: "envoyée à la plateforme, sa réponse est attendue",
    TransmissionState.ACCEPTED: "acceptée par la plateforme",
}


def describe_period(statement: PeriodStatement) -> str:
    """Return what is declared of which days: a title."""
    begins_on, ends_on = statement.period.begins_on, statement.period.ends_on
    # « 1er » or « 1er septembre », of « 1er septembre 2026 »: what both days have in common is said once.
    in_common = 2 if begins_on.month == ends_on.month else 1
    begin = " ".join(long_date(begins_on).split()[:-in_common])
    return f"{_NAMES[statement.kind]} du {begin} au {long_date(ends_on)}"


def describe_status(statement: PeriodStatement) -> str:
    """Return how far a period is, in a phrase."""
    due_on = long_date(statement.period.due_on)
    if statement.report is not None:
        return _describe_report(statement, statement.report)
    if not statement.is_over:
        return f"en cours : se déclare ensuite, jusqu'au {due_on}"
    if statement.is_empty:
        return "rien à déclarer"
    return f"en retard : était à déclarer jusqu'au {due_on}" if statement.is_late else f"à déclarer jusqu'au {due_on}"


def _describe_report(statement: PeriodStatement, report: PeriodReport) -> str:
    made = f"déclaration établie le {long_date(date_in_paris(report.made_at))}"
    if statement.to_correct:
        return f"à rectifier : les livres ont changé depuis la {made}"
    if statement.transmission is None:
        return made
    if statement.is_rejected:
        return f"refusée par la plateforme : {statement.transmission.message}"
    return f"{made}, {_SENDING[TransmissionState(statement.transmission.state)]}"
