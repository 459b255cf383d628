"""Bank files: what is read of each format, and what is refused, with its place."""

import datetime
from dataclasses import replace
from decimal import Decimal

import pytest

from licensing.books.bank.formats import (
    UnreadableStatement,
    dump_statement,
    load_statement,
    parse_statements,
    read_statements,
)
from tests.bank.statement_files import (
    FIRST,
    IBAN,
    LAST,
    OTHER_IBAN,
    FileLine,
    StatementFile,
    write_camt,
    write_cfonb,
    write_record,
)

TRANSFER = FileLine(
    "199.00", "VIR SEPA RECU", ("MANDAT 4512 P2026 000010", "ECOLES"), "SGC NIMES AGGLOMERATION", reference="REF42"
)
DEBIT = FileLine("-12.50", "COMMISSION DE TENUE DE COMPTE")
FILE = StatementFile((TRANSFER, DEBIT))


def read_one(content):
    _, [statement] = parse_statements(content)
    return statement


def refusal_of(content):
    with pytest.raises(UnreadableStatement) as refused:
        parse_statements(content)
    return refused.value.sentence


@pytest.mark.parametrize("write", [write_camt, write_cfonb])
def test_both_formats_say_the_same(write):
    statement = read_one(write(FILE))
    assert (statement.opening_on, statement.opening_balance) == (FIRST, Decimal("1000.00"))
    assert (statement.closing_on, statement.closing_balance) == (LAST, Decimal("1186.50"))
    transfer, debit = statement.lines
    assert (transfer.amount, transfer.booked_on) == (Decimal("199.00"), FIRST + datetime.timedelta(days=1))
    assert (transfer.label, transfer.party, transfer.reference) == (
        "VIR SEPA RECU",
        "SGC NIMES AGGLOMERATION",
        "REF42",
    )
    assert "MANDAT 4512 P2026 000010 ECOLES" in transfer.details
    assert (debit.amount, debit.label) == (Decimal("-12.50"), "COMMISSION DE TENUE DE COMPTE")
    assert {transfer.is_cheque, transfer.is_return, debit.is_return} == {False}


def test_an_account_is_named_as_the_format_names_it():
    assert read_one(write_camt(FILE)).account == IBAN
    assert read_one(write_cfonb(FILE)).account == IBAN[4:25]


@pytest.mark.parametrize("version", ["02", "04", "08", "13"])
def test_every_version_of_camt_053_is_read(version):
    statement = read_one(write_camt(replace(FILE, version=version)))
    assert [line.party for line in statement.lines] == ["SGC NIMES AGGLOMERATION", ""]


def test_a_file_may_hold_several_accounts():
    for write in (write_camt, write_cfonb):
        _, statements = parse_statements(write(FILE, replace(FILE, iban=OTHER_IBAN, lines=(DEBIT,))))
        assert [len(one.lines) for one in statements] == [2, 1]


@pytest.mark.parametrize("end", ["\r\n", "\n", "", "\n\n"])
def test_cfonb_records_end_as_each_bank_ends_them(end):
    assert read_one(write_cfonb(FILE, end=end)).closing_balance == Decimal("1186.50")


def test_the_decimals_of_an_amount_are_those_of_its_record():
    records = [
        write_record("01", FILE, FIRST, Decimal("10.00")),
        write_record("04", FILE, FIRST, Decimal("-1234.500"), decimals=3),
        write_record("07", FILE, LAST, Decimal("-1224.50")),
    ]
    statement = read_one("\n".join(records).encode())
    assert [line.amount for line in statement.lines] == [Decimal("-1234.50")]


def test_each_sign_letter_is_a_digit_and_a_sign():
    amounts = [sign + f"3.0{digit}" for digit in range(10) for sign in ("", "-")]
    statement = read_one(write_cfonb(StatementFile(tuple(FileLine(amount) for amount in amounts))))
    assert [str(line.amount) for line in statement.lines] == amounts


def test_an_entry_that_groups_transfers_is_one_line_each():
    details = "".join(
        f'<TxDtls><Refs><AcctSvcrRef>T{rank}</AcctSvcrRef></Refs><AmtDtls><TxAmt><Amt Ccy="EUR">{amount}</Amt></TxAmt>'
        f"</AmtDtls><RltdPties><Dbtr><Nm>{name}</Nm></Dbtr></RltdPties></TxDtls>"
        for rank, (amount, name) in enumerate([("199.00", "MAIRIE UN"), ("49.00", "MAIRIE DEUX")])
    )
    content = write_camt(StatementFile((FileLine("248.00", "VIREMENTS"),)))
    start, end = content.index(b"<NtryDtls>"), content.index(b"</NtryDtls>")
    lines = read_one(content[:start] + b"<NtryDtls>" + details.encode() + content[end:]).lines
    assert [(str(line.amount), line.party, line.reference) for line in lines] == [
        ("199.00", "MAIRIE UN", "T0"), ("49.00", "MAIRIE DEUX", "T1")
    ]  # fmt: skip
    # Where their amounts do not add up, the entry is one line: its amount is what the bank booked.
    other = details.replace("49.00", "48.00")
    [line] = read_one(content[:start] + b"<NtryDtls>" + other.encode() + content[end:]).lines
    assert (str(line.amount), line.party) == ("248.00", "MAIRIE UN")


def test_an_entry_that_is_not_booked_is_left_out():
    content = write_camt(replace(FILE, closing="987.50")).replace(b"<Sts>BOOK</Sts>", b"<Sts>PDNG</Sts>", 1)
    assert [line.amount for line in read_one(content).lines] == [Decimal("-12.50")]


@pytest.mark.parametrize(
    ("line", "is_cheque", "is_return"),
    [
        (FileLine("400", "REMISE CHEQUES 3 CHQ"), True, False),
        (FileLine("400", "REM CHQ 0012345"), True, False),
        (FileLine("-49", "CHEQUE IMPAYE 0012345"), True, True),
        (FileLine("-199", "REJET VIREMENT"), False, True),
        (FileLine("199", "RETOUR MANDAT MAIRIE"), False, False),
    ],
)
def test_cheques_and_returns_are_known_by_the_label(line, is_cheque, is_return):
    for write in (write_camt, write_cfonb):
        [found] = read_one(write(StatementFile((line,)))).lines
        assert (found.is_cheque, found.is_return) == (is_cheque, is_return)


def test_cheques_and_returns_are_known_by_the_codes_of_camt():
    lines = (FileLine("400", "DEPOT", codes=("RCHQ", "CCHQ")), FileLine("-49", "OPERATION", codes=("RCHQ", "UPCQ")))
    deposit, unpaid = read_one(write_camt(StatementFile(lines))).lines
    assert (deposit.is_cheque, deposit.is_return, unpaid.is_return) == (True, False, True)


@pytest.mark.parametrize("write", [write_camt, write_cfonb])
def test_balances_that_do_not_add_up_are_refused_with_their_figures(write):
    sentence = refusal_of(write(replace(FILE, closing="1200.00"))).replace("\xa0", " ").replace("\u202f", " ")
    assert "1 000,00 €" in sentence
    assert "1 186,50 €" in sentence
    assert "1 200,00 €" in sentence
    assert "Il manque des lignes" in sentence


def cfonb_lines(*, drop=(), change=None):
    lines = write_cfonb(FILE).decode("cp1252").splitlines()
    for index, (old, new) in (change or {}).items():
        assert old in lines[index]
        lines[index] = lines[index].replace(old, new)
    return "\n".join(line for index, line in enumerate(lines) if index not in drop).encode()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (cfonb_lines(drop=[0]), "ni un relevé"),
        (cfonb_lines(drop=[6]), "ligne 1 n'a pas de nouveau solde (07)"),
        (cfonb_lines(drop=[1]), "Ligne 2 : un complément (05) avant toute opération"),
        (cfonb_lines(change={1: ("EUR", "USD")}), "Ligne 2 : la devise « USD »"),
        (cfonb_lines(change={1: ("251126", "311126")}), "Ligne 2 : la date « 311126 » n'existe pas"),
        (cfonb_lines(change={1: ("1990{", "1990?")}), "Ligne 2 : le montant « 0000000001990? » est illisible"),
        (cfonb_lines(change={5: ("30006", "30007")}), "Ligne 6 : le compte"),
        (cfonb_lines(change={2: ("05", "09")}), "Ligne 3 : « 09 » n'est pas un enregistrement"),
        (cfonb_lines(change={2: ("SGC", "SGC" + "X" * 70)}), "Ligne 3 : 1"),
        (cfonb_lines(drop=[6]) + b"\n" + cfonb_lines(), "Ligne 7 : un autre relevé commence, et celui de la ligne 1"),
    ],
)
def test_a_cfonb_file_is_refused_with_the_line(content, expected):
    assert expected in refusal_of(content)


def camt_without(old, new=b""):
    content = write_camt(FILE)
    assert old in content
    return content.replace(old, new, 1)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (camt_without(b"camt.053", b"camt.054"), "Ce fichier est un camt.054.001.02 : c'est le relevé"),
        (camt_without(b"urn:iso:std:iso:20022:tech:xsd:camt.053.001.02", b"urn:x"), "n'est pas un relevé de compte"),
        (camt_without(b"</Stmt>"), "incomplet ou abîmé, à la ligne 3"),
        (camt_without(b"<Cd>OPBD</Cd>", b"<Cd>OPAV</Cd>"), "pas de solde d'ouverture (OPBD)"),
        (camt_without(b"<Cd>CLBD</Cd>", b"<Cd>CLAV</Cd>"), "pas de solde de clôture (CLBD)"),
        (camt_without(IBAN.encode()), "de quel compte"),
        (camt_without(b'Ccy="EUR">199', b'Ccy="USD">199'), "Ligne 2 du fichier : la devise « USD »"),
        (camt_without(b">199.00<", b">1e9<"), "le montant « 1e9 » est illisible"),
        (camt_without(b">199.00<", b">199.005<"), "« 199.005 » n'est pas un montant en euros"),
        (camt_without(b"2026-11-25", b"2026-11-31"), "la date « 2026-11-31 » n'existe pas (BookgDt)"),
        (camt_without(b"<Document", b"<!DOCTYPE d [<!ENTITY e 'x'>]><Document"), "incomplet ou abîmé"),
    ],
)
def test_a_camt_file_is_refused_with_the_line(content, expected):
    assert expected in refusal_of(content)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "ni un relevé"),
        (b"PK\x03\x04zip", "archive ZIP"),
        (b"%PDF-1.7", "ni un relevé"),
        (b"a;b\n", "ni un relevé"),
    ],
)
def test_another_file_is_refused_with_what_to_ask_the_bank_for(content, expected):
    assert expected in refusal_of(content)


def test_a_file_is_read_in_a_process_of_its_own():
    for write in (write_camt, write_cfonb):
        assert read_statements(write(FILE)) == parse_statements(write(FILE))
    with pytest.raises(UnreadableStatement, match="devise"):
        read_statements(write_cfonb(FILE).replace(b"EUR", b"USD"))


def test_a_statement_leaves_the_process_as_plain_data():
    statement = read_one(write_camt(FILE))
    dumped = dump_statement(statement)
    assert load_statement(dumped) == statement
    assert {type(value) for line in dumped["lines"] for value in line.values()} == {str, bool}
