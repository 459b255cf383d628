"""Wording of an entitlement's dates, countdown and status."""

import datetime

import pytest

from licensing.entitlements import wording
from licensing.entitlements.models import EntitlementStatus
from tests.conftest import TERM
from tests.entitlements.status_cases import PAST, SOON, STATUS_CASES, TODAY, build_entitlement

DAY = datetime.timedelta(days=1)


@pytest.mark.parametrize("expected", STATUS_CASES, ids=lambda status: status.value)
def test_each_status_has_its_wording(expected):
    fields, validity, sentence = STATUS_CASES[expected]
    entitlement = build_entitlement(**fields)
    text = wording.status_text(entitlement, TODAY).replace("\N{NO-BREAK SPACE}", " ")
    assert entitlement.status_on(TODAY) is expected
    assert wording.format_validity(entitlement, TODAY) == validity
    assert sentence in text
    assert bool(text) == bool(sentence)


@pytest.mark.parametrize(
    ("field", "last", "after"),
    [
        ("provisional_until", EntitlementStatus.PROVISIONAL, EntitlementStatus.LAPSED),
        ("unpaid_until", EntitlementStatus.UNPAID, EntitlementStatus.OVERDUE),
        ("last_day", EntitlementStatus.FIRM, EntitlementStatus.ENDED),
    ],
)
def test_a_status_lasts_through_its_last_day(field, last, after):
    entitlement = build_entitlement(**{field: TODAY})
    assert (entitlement.status_on(TODAY), entitlement.status_on(TODAY + DAY)) == (last, after)


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


def test_a_teacher_reads_nothing_of_a_payment():
    full = "jusqu'au 31\N{NO-BREAK SPACE}août 2027 inclus"
    assert wording.format_use(build_entitlement(), TODAY) == full
    assert wording.format_use(build_entitlement(unpaid_until=PAST), TODAY) == full
    provisional = wording.format_use(build_entitlement(provisional_until=SOON), TODAY)
    assert provisional == f"jusqu'au 6\N{NO-BREAK SPACE}décembre 2026 inclus, et doit être prolongée {full}"
