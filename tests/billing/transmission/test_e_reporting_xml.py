"""The report of a period as the administration's flow 10."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from licensing.books.billing.transmission.e_reporting_xml import UnreportableAmount, set_off_returns, write_report
from tests.billing.transmission.norm_schemas import list_report_violations, needs_norm_schemas

SALES_DAYS = [
    {
        "on": "2026-09-01",
        "category": "TPS1",
        "rates": [
            {"vat_rate": "8.50", "ht": "100.00", "vat": "8.50"},
            {"vat_rate": "20.00", "ht": "-49.17", "vat": "-9.83"},
        ],
    },
    {"on": "2026-09-02", "category": "TNT1", "rates": [{"vat_rate": "0.00", "ht": "59.00", "vat": "0.00"}]},
]


def make_declaration(kind="sales", days=SALES_DAYS, *, rank=0, vat_on_debits=False) -> tuple[str, dict]:
    content = {
        "kind": kind,
        "begins_on": "2026-09-01",
        "ends_on": "2026-09-30",
        "rank": rank,
        "made_at": "2026-09-30T22:30:00+00:00",
        "seller": {"siren": "100000009", "name": "Pep's & fils"},
        "vat_on_debits": vat_on_debits,
        "days": days,
    }
    return f"{kind}-20260901-{rank}-1", content


def write(declaration: tuple[str, dict]) -> bytes:
    return write_report(*declaration, platform_number="0042", platform_name="Plateforme")


def payments(*amounts: tuple[int, str, str]) -> list[dict]:
    """Return days of payments: day of September, rate and amount."""
    return [
        {"on": f"2026-09-{day:02}", "rates": [{"vat_rate": vat_rate, "ttc": amount}]}
        for day, vat_rate, amount in amounts
    ]


def test_sales_state_each_day_by_category_and_rate():
    root = etree.fromstring(write(make_declaration()))

    assert [one.findtext("Date") for one in root.iter("Transactions")] == ["20260901", "20260902"]
    assert [one.findtext("CategoryCode") for one in root.iter("Transactions")] == ["TPS1", "TNT1"]
    assert [one.findtext("TaxExclusiveAmount") for one in root.iter("Transactions")] == ["50.83", "59.00"]
    assert [one.findtext("TaxTotal") for one in root.iter("Transactions")] == ["-1.33", "0.00"]
    assert root.findtext("ReportDocument/TypeCode") == "IN"
    # At 00:30 in France, after the period's last day (rule G7.43).
    assert root.findtext("ReportDocument/IssueDateTime/DateTimeString") == "20261001003000"
    assert root.findtext("TransactionsReport/ReportPeriod/EndDate") == "20260930"


def test_a_report_after_the_first_one_is_a_correction():
    assert etree.fromstring(write(make_declaration(rank=2))).findtext("ReportDocument/TypeCode") == "RE"


def test_the_option_for_debits_is_stated_with_the_sales():
    """G1.67: TT-80 is required of services whose VAT is due on invoice, and left out elsewhere."""
    on_debits = etree.fromstring(write(make_declaration(vat_on_debits=True)))

    assert {one.text for one in on_debits.iter("TaxDueDateTypeCode")} == {"5"}
    assert b"TaxDueDateTypeCode" not in write(make_declaration())


def test_payments_state_what_came_in_by_day_and_rate():
    days = payments((3, "20.00", "120.00"), (4, "8.50", "108.50"))
    root = etree.fromstring(write(make_declaration("payments", days)))

    assert [one.findtext("Date") for one in root.iter("Payment")] == ["20260903", "20260904"]
    assert [one.text for one in root.iter("Amount")] == ["120.00", "108.50"]
    assert root.find("TransactionsReport") is None


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        # Set off with the next days first, then with those before; never with another rate.
        (payments((3, "20.00", "-50"), (4, "20.00", "120")), {"2026-09-04": {"20.00": Decimal(70)}}),
        (payments((3, "20.00", "120"), (4, "20.00", "-50")), {"2026-09-03": {"20.00": Decimal(70)}}),
        (payments((3, "20.00", "5"), (4, "20.00", "-20"), (5, "20.00", "15")), {}),
        (
            payments((3, "20.00", "-5"), (4, "8.50", "9"), (5, "20.00", "6")),
            {"2026-09-04": {"8.50": Decimal(9)}, "2026-09-05": {"20.00": Decimal(1)}},
        ),
    ],
)
def test_what_went_back_is_set_off_within_the_period(days, expected):
    assert set_off_returns(days) == expected


def test_a_period_in_which_more_went_back_than_came_in_has_no_report():
    with pytest.raises(UnreportableAmount, match=r"8\.50"):
        write(make_declaration("payments", payments((3, "20.00", "500"), (4, "8.50", "-1"))))


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(1, 30), st.sampled_from(["20.00", "8.50"]), st.integers(-50, 99)), max_size=12))
def test_setting_off_keeps_the_total_of_each_rate(drawn):
    """Whatever comes and goes back: no negative amount, the same totals, or no report."""
    by_day = {(day, vat_rate): cents for day, vat_rate, cents in drawn}
    days = payments(*((day, vat_rate, f"{cents / 100:.2f}") for (day, vat_rate), cents in by_day.items()))
    totals = {rate: sum(cents for (_, one), cents in by_day.items() if one == rate) for rate in ("20.00", "8.50")}
    if min(totals.values()) < 0:
        with pytest.raises(UnreportableAmount):
            set_off_returns(days)
        return

    result = set_off_returns(days)

    assert all(amount > 0 for rates in result.values() for amount in rates.values())
    for rate, total in totals.items():
        assert sum(rates.get(rate, 0) for rates in result.values()) * 100 == total


@needs_norm_schemas
@pytest.mark.parametrize(
    "declaration",
    [
        make_declaration(),
        make_declaration(rank=1, vat_on_debits=True),
        make_declaration(days=[], rank=1),
        make_declaration("payments", payments((3, "20.00", "120.00"), (4, "8.50", "108.50"))),
    ],
    ids=["sales", "corrected", "corrected to nothing", "payments"],
)
def test_a_report_keeps_to_the_administration_s_schema(declaration):
    assert not list_report_violations(write(declaration))
    assert list_report_violations(write(declaration).replace(b"IssueDateTime", b"IssueMoment"))
