"""A line is stored once, however often and in however many files it comes; only the seller's account is read."""

from dataclasses import replace
from decimal import Decimal

import pytest

from licensing.books.bank.formats import UnreadableStatement
from licensing.books.bank.models import BankStatement, LineState, StatementLine
from licensing.books.bank.operations import receive_file
from tests.bank.actions import AFTERWARDS, upload
from tests.bank.statement_files import LAST, OTHER_IBAN, FileLine, StatementFile, write_camt, write_cfonb
from tests.factories.accounts import OperatorFactory
from tests.factories.shop import get_seller
from tests.refusals import refuses

pytestmark = pytest.mark.django_db

ALIKE = FileLine("199.00", "VIR TRESORERIE")
FILE = StatementFile((ALIKE, ALIKE, FileLine("49.00", "VIR MAIRIE"), FileLine("-12.00", "FRAIS")))


def amounts():
    return sorted(StatementLine.objects.values_list("amount", flat=True))


@pytest.mark.parametrize("write", [write_camt, write_cfonb])
def test_the_same_file_twice_adds_nothing(write):
    first, second = upload(FILE, write=write), upload(FILE, write=write)
    assert (first.stored, first.waiting, first.known) == (4, 3, 0)
    assert (second.stored, second.known) == (0, 4)
    assert len(amounts()) == 4
    assert BankStatement.objects.count() == 1


def test_lines_that_the_bank_writes_alike_are_all_stored():
    upload(FILE)
    assert list(StatementLine.objects.filter(amount=199).order_by("rank").values_list("rank", flat=True)) == [1, 2]


def test_a_file_that_overlaps_another_adds_its_new_lines():
    upload(FILE)
    longer = replace(FILE, lines=(*FILE.lines, ALIKE, FileLine("30.00", "VIR ECOLE")), number="R-12")
    report = upload(longer)
    assert (report.stored, report.known) == (2, 4)
    assert upload(longer).stored == 0
    assert amounts().count(Decimal(199)) == 3


@pytest.mark.parametrize("write", [write_camt, write_cfonb])
def test_a_statement_that_goes_on_from_another_repeats_none_of_its_lines(write):
    """A bank may date a line of the next statement by the last day of this one: alike, it is another transfer."""
    last_day = replace(FILE, lines=(replace(ALIKE, day=LAST),))
    upload(last_day, write=write)
    following = last_day.followed_by(replace(ALIKE, day=LAST))
    assert upload(following, write=write).stored == 1
    assert upload(following, write=write).stored == 0
    assert upload(last_day, write=write).stored == 0
    # The file of both days, made later, has nothing new.
    both = replace(FILE, lines=(replace(ALIKE, day=LAST),) * 2, closing_on=following.closing_on, number="R-2")
    assert upload(both, write=write).stored == 0


def test_a_statement_whose_movements_cancel_out_repeats_nothing_either():
    """A cheque that came in and bounced: what the next statement has alike is another cheque."""
    bounced = replace(FILE, lines=(replace(ALIKE, day=LAST), FileLine("-199.00", "IMPAYE", day=LAST)))
    upload(bounced)
    assert upload(bounced).known == 2
    assert upload(bounced.followed_by(replace(ALIKE, day=LAST))).stored == 1


def test_a_statement_without_movement_is_stored_once():
    for expected in (1, 1):
        assert upload(replace(FILE, lines=())).stored == 0
        assert BankStatement.objects.count() == expected


def test_the_last_day_alone_repeats_the_lines_of_its_month():
    """It begins on the day where the month ends, as banks date opening balances, but not from its balance."""
    upload(replace(FILE, lines=(FileLine("30.00"), replace(ALIKE, day=LAST))))
    last_day = replace(FILE, lines=(replace(ALIKE, day=LAST),), opening="1030.00", opening_on=LAST, number="R-30")
    assert upload(last_day).known == 1


def test_several_days_of_one_file_are_stored_alike():
    last_day = replace(FILE, lines=(replace(ALIKE, day=LAST),))
    following = last_day.followed_by(replace(ALIKE, day=LAST))
    assert upload(last_day, following).stored == 2
    assert upload(following, last_day).stored == 0


def test_a_debit_waits_only_where_the_bank_says_that_it_takes_something_back():
    upload(StatementFile((FileLine("-12.00", "FRAIS"), FileLine("-49.00", "CHEQUE IMPAYE"))))
    states = dict(StatementLine.objects.values_list("label", "state"))
    assert states == {"FRAIS": LineState.DEBIT, "CHEQUE IMPAYE": LineState.WAITING}


@pytest.mark.parametrize("write", [write_camt, write_cfonb])
def test_another_account_is_refused_and_named(write):
    get_seller()
    with refuses("wrong_account", match="Le vendeur est payé sur FR76"):
        upload(replace(FILE, iban=OTHER_IBAN), write=write)
    assert not BankStatement.objects.exists()


def test_other_accounts_of_a_file_are_left_out_and_named():
    report = upload(FILE, replace(FILE, iban=OTHER_IBAN))
    assert report.stored == 4
    assert "FR14" in report.remarks[0]


def test_without_a_seller_no_statement_is_read():
    with refuses("wrong_account", match="Décrivez d'abord le vendeur"):
        receive_file(filename="a", content=write_camt(FILE), by=OperatorFactory(), at=AFTERWARDS)


def test_the_same_days_in_another_format_are_refused():
    upload(FILE)
    with pytest.raises(UnreadableStatement, match=r"sont déjà là, au format CAMT\.053"):
        upload(FILE, write=write_cfonb)
    assert upload(FILE.followed_by(ALIKE), write=write_cfonb).stored == 1


def test_a_missing_statement_shows_in_the_balances():
    upload(FILE)
    later = replace(FILE.followed_by(ALIKE).followed_by(ALIKE), lines=(ALIKE,))
    [remark] = upload(later).remarks
    assert "il en manque un" in remark
    assert upload(FILE.followed_by(ALIKE)).remarks == []


def test_a_file_is_bounded():
    get_seller()
    with pytest.raises(UnreadableStatement, match="dépasse 5 Mo"):
        receive_file(filename="a", content=b"0" * (5 * 1024 * 1024 + 1), by=OperatorFactory(), at=AFTERWARDS)


def test_an_uploaded_file_is_stored_with_its_hash():
    get_seller()
    report = receive_file(filename="novembre.xml", content=write_camt(FILE), by=OperatorFactory(), at=AFTERWARDS)
    assert report.stored == 4
    assert BankStatement.objects.get().filename == "novembre.xml"
