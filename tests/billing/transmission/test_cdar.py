"""Life-cycle messages: what is read of one, and what « encaissée » states."""

import dataclasses
import datetime
from decimal import Decimal

import pytest
from lxml import etree

from core.calendar import PARIS
from licensing.books.billing.transmission import cdar
from tests.billing.transmission.lifecycle_messages import write_lifecycle_message
from tests.billing.transmission.norm_schemas import list_cdar_violations, needs_norm_schemas

STATEMENT = cdar.CollectionStatement(
    message_id="P2026-000010-212-7",
    invoice_number="P2026-000010",
    invoice_type="380",
    invoice_date=datetime.date(2026, 9, 4),
    seller_siren="100000009",
    seller_name="Pep's",
    buyer_siren="200000008",
    buyer_name="Groupe scolaire Sainte-Anne & fils",
    buyer_address="200000008_20000000800016",
    at=datetime.datetime(2026, 9, 30, 12, 0, tzinfo=PARIS),
    made_at=datetime.datetime(2026, 10, 1, 7, 30, 5, tzinfo=datetime.UTC),
    amounts=[
        cdar.CollectedAmount(vat_rate=Decimal(20), amount=Decimal("1200.5")),
        cdar.CollectedAmount(vat_rate=Decimal("8.5"), amount=Decimal("108.50")),
        cdar.CollectedAmount(vat_rate=Decimal(0), amount=Decimal(0)),
    ],
)


def find_texts(xml: bytes, name: str) -> list[str]:
    return [element.text for element in etree.fromstring(xml).iter(f"{{*}}{name}")]


def test_a_message_states_invoice_status_moment_and_reason():
    """Each reason keeps its code; the comment follows; the moment is that of the status, in France."""
    xml = write_lifecycle_message(
        number="P2026-000010",
        code=210,
        at=datetime.datetime(2026, 9, 5, 16, 1, 2, tzinfo=PARIS),
        given_by="BY",
        message_id="M-1",
        reasons=[("TX_TVA_ERR", " Taux de  TVA erroné"), ("AUTRE", "")],
        comment="Voir notre courriel.",
    )

    assert cdar.read_statuses(xml) == [
        cdar.LifecycleStatus(
            message_id="M-1",
            invoice_number="P2026-000010",
            code=210,
            at=datetime.datetime(2026, 9, 5, 14, 1, 2, tzinfo=datetime.UTC),
            given_by="BY",
            reason="Taux de TVA erroné (TX_TVA_ERR)\nAUTRE\nVoir notre courriel.",
        )
    ]


def test_a_day_without_a_time_is_its_first_moment():
    xml = write_lifecycle_message(number="P1", code=203, at=datetime.datetime(2026, 9, 5, tzinfo=PARIS))

    (status,) = cdar.read_statuses(xml.replace(b"20260905000000", b"20260905"))

    assert status.at == datetime.datetime(2026, 9, 5, tzinfo=PARIS)


def test_what_we_stated_ourselves_is_known_as_ours():
    (status,) = cdar.read_statuses(cdar.write_collected(STATEMENT))

    assert status.is_ours
    assert status.code == cdar.COLLECTED


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"not xml",
        b"<Invoice/>",
        write_lifecycle_message(number="P1", code=200).replace(b"<ram:ProcessConditionCode>200", b"<ram:Other>200")
        .replace(b"200</ram:ProcessConditionCode>", b"200</ram:Other>"),
        write_lifecycle_message(number="P1", code=200).replace(b">200<", b">deux cents<"),
        write_lifecycle_message(number="", code=200),
        write_lifecycle_message(number="P1", code=200).replace(b'format="204">2026', b'format="204">20xx'),
        b"<!--" + b"x" * cdar.MAX_SIZE + b"-->" + write_lifecycle_message(number="P1", code=200),
    ],
    ids=["empty", "text", "invoice", "no status", "status in words", "no number", "no moment", "too long"],
)  # fmt: skip
def test_what_is_no_life_cycle_message_is_refused(broken):
    with pytest.raises(cdar.BadLifecycleMessage):
        cdar.read_statuses(broken)


def test_a_message_reads_no_file_of_ours(tmp_path):
    """An entity that names a file is never resolved."""
    secret = tmp_path / "secret"
    secret.write_text("BETRAYED")
    xml = write_lifecycle_message(number="P1", code=200, message_id="&leak;")
    xml = xml.replace(
        b"<rsm:Cross", b'<!DOCTYPE x [<!ENTITY leak SYSTEM "%s">]><rsm:Cross' % secret.as_uri().encode(), 1
    ).replace(b"&amp;leak;", b"&leak;")

    with pytest.raises(cdar.BadLifecycleMessage):
        cdar.read_statuses(xml)


def test_collected_states_each_rate_with_its_amount():
    """BR-FR-CDV-14: an amount and a percentage for each `MEN`. A rate at which nothing came is not named."""
    xml = cdar.write_collected(STATEMENT)

    assert find_texts(xml, "ValueAmount") == ["1200.50", "108.50"]
    assert find_texts(xml, "ValuePercent") == ["20.00", "8.50"]
    assert find_texts(xml, "ProcessConditionCode") == ["212"]
    assert find_texts(xml, "DateTimeString") == ["20261001093005", "20260930120000", "20260904"]


@pytest.mark.parametrize("amount", [Decimal(0), Decimal("1.001"), Decimal(-5)])
def test_collected_refuses_nothing_a_fraction_of_a_cent_and_an_unexplained_return(amount):
    statement = dataclasses.replace(STATEMENT, amounts=[cdar.CollectedAmount(vat_rate=Decimal(20), amount=amount)])

    with pytest.raises(ValueError, match=r"collected|cent|comment"):
        cdar.write_collected(statement)


@needs_norm_schemas
@pytest.mark.parametrize("comment", ["", "Chèque impayé."])
def test_collected_breaks_no_rule_of_the_norm(comment):
    amounts = [dataclasses.replace(one, amount=-one.amount if comment else one.amount) for one in STATEMENT.amounts]

    assert not list_cdar_violations(
        cdar.write_collected(dataclasses.replace(STATEMENT, amounts=amounts, comment=comment))
    )


@needs_norm_schemas
def test_the_norm_s_rules_see_a_rate_that_is_missing():
    """The check above can fail."""
    xml = cdar.write_collected(STATEMENT).replace(b"<ram:ValuePercent>20.00</ram:ValuePercent>", b"")

    assert any("BR-FR-CDV-14" in one for one in list_cdar_violations(xml))
