"""CFONB 120: records of 120 characters, 01 old balance, 04 operation, 05 its further texts, 07 new balance.

Source: CFONB, « Relevé de compte sur support informatique », July 2004, and its texts of SEPA operations of 2007.
Amounts have the decimals that their record says; their last character is a digit and a sign (`_SIGNED_DIGITS`).
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal

from licensing.bank.exceptions import UnreadableStatement
from licensing.bank.formats.parsed_statement import MAX_AMOUNT, MAX_LINES, ParsedLine, ParsedStatement

_LENGTH = 120
_OLD_BALANCE, _OPERATION, _FURTHER_TEXT, _NEW_BALANCE = "01", "04", "05", "07"
#: The last character of an amount → its digit and its sign. « é » and « è » stand where a French 7-bit set has « { »
#: and « } ».
_SIGNED_DIGITS = (
    {letter: (str(digit), 1) for digit, letter in enumerate("{ABCDEFGHI")}
    | {letter: (str(digit), -1) for digit, letter in enumerate("}JKLMNOPQR")}
    | {"é": ("0", 1), "è": ("0", -1)}
)
#: Years of two digits: relevés since 1980.
_PIVOT = 80
#: Qualifiers of further texts that name the payer, the beneficiary, or say nothing of what is paid for.
_PAYERS, _BENEFICIARY, _AMOUNTS = ("NPY", "NPO"), "NBE", ("MMO", "FEE")


def parse_cfonb120(content: bytes) -> list[ParsedStatement]:
    """Return the statements of a file, all accounts. Raises `UnreadableStatement`, which says the line."""
    statements: list[ParsedStatement] = []
    reader: _StatementReader | None = None
    lines = 0
    for number, text in _split_records(content):
        record = _CfonbRecord(number, text)
        if record.code == _OLD_BALANCE:
            if reader is not None:
                raise record.refuse(
                    f"un autre relevé commence, et celui de la ligne {reader.start} n'a pas de fin (07)"
                )
            reader = _StatementReader(record)
        elif reader is None:
            raise record.refuse(f"un enregistrement {record.code} avant tout ancien solde (01)")
        elif record.account != reader.account:
            raise record.refuse(f"le compte {record.account} dans le relevé du compte {reader.account}")
        elif record.code == _NEW_BALANCE:
            statements.append(reader.close(record))
            reader = None
        else:
            reader.add(record)
            lines += record.code == _OPERATION
            if lines > MAX_LINES:
                raise record.refuse(f"plus de {MAX_LINES} opérations dans un fichier")
    if reader is not None:
        raise UnreadableStatement(
            f"Le relevé commencé à la ligne {reader.start} n'a pas de nouveau solde (07) : le fichier est incomplet."
        )
    if not statements:
        raise UnreadableStatement("Ce fichier est vide.")
    return statements


class _CfonbRecord:
    """One record, with its place in the file."""

    def __init__(self, number: int, text: str) -> None:
        self.number = number
        if len(text.rstrip()) > _LENGTH:
            raise self.refuse(f"{len(text.rstrip())} caractères, un relevé CFONB en a {_LENGTH} par ligne")
        self._text = text.ljust(_LENGTH)
        self.code = self._text[0:2]
        if self.code not in (_OLD_BALANCE, _OPERATION, _FURTHER_TEXT, _NEW_BALANCE):
            raise self.refuse(f"« {self.code} » n'est pas un enregistrement de relevé (01, 04, 05 ou 07)")
        #: Bank, branch and account number: the middle of a French IBAN.
        self.account = self._text[2:7] + self._text[11:16] + self._text[21:32]
        if self.code != _FURTHER_TEXT and (currency := self._text[16:19]) != "EUR":
            raise self.refuse(f"la devise « {currency} » : seuls les comptes en euros sont lus")

    def refuse(self, why: str) -> UnreadableStatement:
        """Return the refusal of this record."""
        return UnreadableStatement(f"Ligne {self.number} : {why}.")

    def read(self, start: int, end: int) -> str:
        """Return the characters from `start` to `end`, counted from 1 as the norm does, without spaces around."""
        return self._text[start - 1 : end].strip()

    def read_day(self) -> datetime.date:
        """Return the day of the record. Raises `UnreadableStatement`."""
        text = self.read(35, 40)
        try:
            year = int(text[4:6])
            return datetime.date((2000 if year < _PIVOT else 1900) + year, int(text[2:4]), int(text[0:2]))
        except ValueError:
            raise self.refuse(f"la date « {text} » n'existe pas (JJMMAA, caractères 35 à 40)") from None

    def read_amount(self) -> Decimal:
        """Return the signed amount of the record, in euros. Raises `UnreadableStatement`."""
        text, decimals = self._text[90:104], self._text[19]
        digits, signed = text[:-1].strip(), _SIGNED_DIGITS.get(text[-1])
        if not (digits.isascii() and digits.isdecimal()) or signed is None or decimals not in "0123":
            raise self.refuse(f"le montant « {text.strip()} » est illisible (caractères 91 à 104)")
        digit, sign = signed
        amount = sign * Decimal(digits + digit).scaleb(-int(decimals))
        if amount != round(amount, 2) or abs(amount) > MAX_AMOUNT:
            raise self.refuse(f"le montant « {text.strip()} » n'est pas un montant en euros (caractères 91 à 104)")
        return round(amount, 2)


class _StatementReader:
    """A statement that has begun: its old balance, and its operations so far."""

    def __init__(self, record: _CfonbRecord) -> None:
        self.start, self.account = record.number, record.account
        self._opening_on, self._opening_balance = record.read_day(), record.read_amount()
        self._lines: list[ParsedLine] = []
        self._texts: list[str] = []

    def add(self, record: _CfonbRecord) -> None:
        """Add an operation, or a further text to the last one. Raises `UnreadableStatement`."""
        if record.code == _OPERATION:
            self._complete_last()
            # The entry's number is mostly zeros; the reference is the bank's, or the payer's.
            references = [one for one in (record.read(105, 120), record.read(82, 88)) if one.strip("0 ")]
            self._lines.append(
                ParsedLine(
                    booked_on=record.read_day(),
                    amount=record.read_amount(),
                    reference=" ".join(references),
                    label=record.read(49, 80),
                    is_return=bool(record.read(41, 42).strip("0")),
                )
            )
        elif not self._lines:
            raise record.refuse("un complément (05) avant toute opération (04)")
        else:
            self._add_text(record)

    def _add_text(self, record: _CfonbRecord) -> None:
        qualifier, text = record.read(46, 48), record.read(49, 118)
        line = self._lines[-1]
        if qualifier in _AMOUNTS:
            return
        if (qualifier in _PAYERS and line.amount > 0) or (qualifier == _BENEFICIARY and line.amount < 0):
            line.party = line.party or text
        self._texts.append(text)

    def _complete_last(self) -> None:
        if self._lines:
            self._lines[-1].details = " ".join(self._texts)
            self._lines[-1].complete()
        self._texts.clear()

    def close(self, record: _CfonbRecord) -> ParsedStatement:
        """Return the statement that this new balance ends. Raises `UnreadableStatement`."""
        self._complete_last()
        statement = ParsedStatement(
            account=self.account,
            number="",
            opening_on=self._opening_on,
            opening_balance=self._opening_balance,
            closing_on=record.read_day(),
            closing_balance=record.read_amount(),
            lines=self._lines,
        )
        if statement.closing_on < statement.opening_on:
            raise record.refuse("le nouveau solde est antérieur à l'ancien")
        statement.check_balance()
        return statement


def _split_records(content: bytes) -> Iterator[tuple[int, str]]:
    """Yield the number and the text of each record, empty lines left out."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    # Some banks end the file by a control character, or end no record at all.
    text = text.strip("\x1a\0 \r\n")
    pieces = text.splitlines() if "\n" in text or "\r" in text else [
        text[start : start + _LENGTH] for start in range(0, len(text), _LENGTH)
    ]  # fmt: skip
    yield from ((number, piece) for number, piece in enumerate(pieces, 1) if piece.strip())
