"""Wording of an entitlement's dates, countdown and status."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from licensing.entitlements import wording
from licensing.entitlements.models import Entitlement, EntitlementStatus
from tests.conftest import TERM

TODAY = TERM.date()
DAY = datetime.timedelta(days=1)
SOON = datetime.date(2026, 12, 6)
PAST = TODAY - DAY
#: Fields of an entitlement with this status on TODAY, its validity and its sentence.
STATUS_CASES: dict[EntitlementStatus, tuple[dict[str, Any], str, str]] = {
    EntitlementStatus.FIRM: ({}, "31/08/2027", ""),
    EntitlementStatus.PROVISIONAL: (
        {"provisional_until": SOON},
        "06/12/2026 (droits temporaires), puis 31/08/2027 dès règlement",
        "jusqu'au 6 décembre 2026 inclus (plus que 12 jours), dans l'attente du bon de commande signé",
    ),
    EntitlementStatus.UNPAID: (
        {"unpaid_until": SOON},
        "06/12/2026 (droits temporaires), puis 31/08/2027 dès règlement",
        "(plus que 12 jours), dans l'attente du règlement",
    ),
    EntitlementStatus.OVERDUE: (
        {"unpaid_until": PAST},
        "31/08/2027, sous réserve du règlement",
        "Le règlement était attendu le 23 novembre 2026 au plus tard",
    ),
    EntitlementStatus.LAPSED: (
        {"provisional_until": PAST},
        "23/11/2026 (droits temporaires), puis 31/08/2027 dès règlement",
        "ont pris fin le 23 novembre 2026, faute de bon de commande signé",
    ),
    EntitlementStatus.SUSPENDED: (
        {"suspended_at": TERM, "unpaid_until": PAST},
        "23/11/2026 (droits temporaires), puis 31/08/2027 dès règlement",
        "Licences suspendues : leur commande attend son règlement",
    ),
    EntitlementStatus.CANCELLED: ({"suspended_at": TERM, "cancelled_at": TERM}, "31/08/2027", "a été annulée"),
    EntitlementStatus.ENDED: ({"last_day": PAST, "provisional_until": PAST}, "23/11/2026", ""),
}


def build_entitlement(**fields):
    return Entitlement(**{"last_day": datetime.date(2027, 8, 31)} | fields)


@pytest.mark.parametrize("expected", STATUS_CASES, ids=lambda status: status.value)
def test_each_status_has_its_wording(expected):
    fields, validity, sentence = STATUS_CASES[expected]
    entitlement = build_entitlement(**fields)
    text = wording.status_text(entitlement, TODAY).replace("\N{NO-BREAK SPACE}", " ")
    assert entitlement.status_on(TODAY) is expected
    assert wording.format_validity(entitlement, TODAY) == validity
    assert sentence in text
    assert bool(text) == bool(sentence)


def test_what_is_paid_for_or_given_awaits_no_payment_where_it_is_suspended():
    entitlement = build_entitlement(suspended_at=TERM)
    assert "règlement" not in wording.status_text(entitlement, TODAY)
    assert "dès qu'elles seront rétablies" in wording.status_text(entitlement, TODAY)
    assert wording.format_validity(entitlement, TODAY) == "31/08/2027"


@pytest.mark.parametrize(
    ("days", "text"),
    [
        (-1, ""),
        (0, "dernier jour"),
        (1, "jusqu'à demain"),
        (2, "plus que 2 jours"),
        (15, "plus que 15 jours"),
        (16, "encore 16 jours"),
        (45, "encore 45 jours"),
    ],
)
def test_a_countdown_says_how_long_it_lasts(days, text):
    assert wording.countdown(TODAY + days * DAY, TODAY).replace("\N{NO-BREAK SPACE}", " ") == text


def test_a_sentence_says_what_a_payment_changes_as_long_as_it_does():
    assert wording.format_until(build_entitlement(), TODAY) == "jusqu'au 31\N{NO-BREAK SPACE}août 2027 inclus"
    provisional = wording.format_until(build_entitlement(provisional_until=SOON), TODAY)
    assert "6\N{NO-BREAK SPACE}décembre 2026 inclus (droits temporaires), puis jusqu'au 31" in provisional
    assert wording.format_until(build_entitlement(unpaid_until=PAST), TODAY).endswith(
        "sous réserve du règlement de la commande"
    )
