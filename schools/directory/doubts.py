"""What makes a readable file doubtful: it closes many schools, or is unlike the one downloaded before."""

from __future__ import annotations

import datetime
from collections.abc import Collection
from typing import TYPE_CHECKING

from django.utils import timezone

from core.foreign_values import parse_header_date
from core.formatting import join_words, long_moment, number, pluralize
from schools.directory.columns import get_column_name
from schools.directory.models import DirectorySync, SyncOutcome
from schools.exceptions import ConfirmationNeeded, TooManyClosures
from schools.models import School, SchoolState

if TYPE_CHECKING:
    from schools.directory.operations import SyncReport


#: Share of the open schools that a file closes, and of its lines that it lacks, beyond which it is probably partial.
MAX_LOST_SHARE = 0.02


def check_doubts(report: SyncReport, *, url: str, last_modified: str, accept_closures: bool) -> None:
    """Raise `ConfirmationNeeded`, with all its sentences, where somebody must agree to the file.

    A file that was downloaded is also compared with the last one that was applied from the same address.
    """
    closures = "" if accept_closures else _describe_closures(report)
    last = None
    if url:
        last = DirectorySync.objects.filter(url=url, outcome=SyncOutcome.APPLIED).order_by("-pk").first()
    others = [] if last is None else _compare(report, last_modified, last, may_shrink=accept_closures or bool(closures))
    if closures:
        raise TooManyClosures(" ".join([closures, *others]), report)
    if others:
        raise ConfirmationNeeded(" ".join(others), report)


def check_agreement(report: SyncReport, agreed_closures: Collection[str]) -> None:
    """Raise `TooManyClosures` where the file closes schools that are not in the list that was read."""
    unread = [school.uai for school in report.closed if school.uai not in agreed_closures]
    if unread:
        raise TooManyClosures(
            f"Depuis votre accord, ce fichier fermerait {pluralize(len(unread), 'établissement')} de plus que la liste"
            " que vous avez lue. Rien n'a été changé.",
            report,
        )


def _describe_closures(report: SyncReport) -> str:
    open_schools = School.objects.exclude(state=SchoolState.CLOSED).count()
    closures = len(report.closed)
    if closures <= MAX_LOST_SHARE * open_schools:
        return ""
    return (
        f"Ce fichier fermerait {number(closures)} des {pluralize(open_schools, 'établissement')} ouverts, plus de 2 % :"
        " est-il complet ?"
    )


def _compare(report: SyncReport, last_modified: str, last: DirectorySync, *, may_shrink: bool) -> list[str]:
    sentences = []
    if not may_shrink and report.rows < (1 - MAX_LOST_SHARE) * last.rows:
        sentences.append(
            f"Le fichier a {pluralize(report.rows, 'ligne')}, et le précédent en avait {number(last.rows)}."
        )
    lost = [f"« {get_column_name(field)} »" for field in last.columns if field not in report.columns]
    if lost:
        columns = "la colonne" if len(lost) == 1 else "les colonnes"
        sentences.append(f"Le fichier n'a plus {columns} {join_words(lost)}, que le précédent avait.")
    dated, dated_before = _parse_date(last_modified), _parse_date(last.last_modified)
    if dated is not None and dated_before is not None and dated < dated_before:
        sentences.append(
            f"Le fichier est plus ancien que le précédent : {_format_date(dated)}, et {_format_date(dated_before)}."
        )
    return sentences


def _parse_date(text: str) -> datetime.datetime | None:
    try:
        # A date without a zone is written in UTC.
        return parse_header_date(text, default_zone=datetime.UTC)
    except ValueError:
        return None


def _format_date(date: datetime.datetime) -> str:
    return f"le {long_moment(timezone.localtime(date))}"
