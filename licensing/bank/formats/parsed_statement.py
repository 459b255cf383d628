"""What both formats are read into, the check of its balances, and its plain form for the way out of a child process."""

from __future__ import annotations

import datetime
import re
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from core import formatting
from core.foreign_values import parse_day
from licensing.bank.exceptions import UnreadableStatement
from schools.folding import fold

#: Of a file. A year of 300 transfers a month is 3,600.
MAX_LINES = 20_000
#: Below the columns' twelve digits, so that no sum of a line and its parts can exceed them.
MAX_AMOUNT = Decimal("999999999.99")
MAX_REFERENCE, MAX_LABEL, MAX_PARTY, MAX_DETAILS = 140, 140, 140, 2000
_CHEQUE = re.compile(r"\b(cheques?|chqs?|cheq)\b")
_RETURN = re.compile(r"\b(impayes?|rejets?|rejetes?|retournes?|retour|unpaid)\b")


@dataclass(slots=True)
class ParsedLine:
    """One line of a statement. In euros; a debit is negative."""

    booked_on: datetime.date
    amount: Decimal
    #: The bank's, empty if it gives none.
    reference: str = ""
    label: str = ""
    #: Who paid, or was paid, as the bank names them.
    party: str = ""
    #: All else that may say what the money is for.
    details: str = ""
    is_cheque: bool = False
    #: Whether the bank says that it undoes an earlier operation: a cheque or a transfer that came back.
    is_return: bool = False

    def complete(self) -> None:
        """Shorten the texts to their columns, and read from them what the bank's codes left open."""
        self.reference = _shorten(self.reference, MAX_REFERENCE)
        self.label = _shorten(self.label, MAX_LABEL)
        self.party = _shorten(self.party, MAX_PARTY)
        self.details = _shorten(self.details, MAX_DETAILS)
        words = fold(self.label)
        self.is_cheque = self.is_cheque or bool(_CHEQUE.search(words))
        # A debit alone: « retour » in the label of a transfer that came in says nothing.
        self.is_return = self.is_return or (self.amount < 0 and bool(_RETURN.search(words)))


@dataclass(slots=True)
class ParsedStatement:
    """A statement of one account. In euros."""

    #: An IBAN, or bank, branch and account number where the format has no IBAN.
    account: str
    #: The bank's number of the statement, empty if it gives none.
    number: str
    opening_on: datetime.date
    opening_balance: Decimal
    closing_on: datetime.date
    closing_balance: Decimal
    lines: list[ParsedLine] = field(default_factory=list)

    def check_balance(self) -> None:
        """Raise `UnreadableStatement` unless the lines lead from the opening balance to the closing one."""
        moved = sum((line.amount for line in self.lines), Decimal("0.00"))
        found = self.opening_balance + moved
        if found != self.closing_balance:
            raise UnreadableStatement(
                f"Relevé du {formatting.long_date(self.opening_on)} au {formatting.long_date(self.closing_on)}, compte "
                f"{self.account} : l'ancien solde ({formatting.euros(self.opening_balance)}) et "
                f"{formatting.pluralize(len(self.lines), 'ligne')} ({formatting.euros(moved)}) font "
                f"{formatting.euros(found)}, et le nouveau solde annoncé est "
                f"{formatting.euros(self.closing_balance)}. Il manque des lignes : redemandez le fichier à la banque."
            )


def dump_statement(statement: ParsedStatement) -> dict[str, Any]:
    """Return a statement as plain data: texts, numbers and lists."""
    dumped: dict[str, Any] = _dump(asdict(statement))
    return dumped


def load_statement(dumped: dict[str, Any]) -> ParsedStatement:
    """Return the statement that was dumped."""
    lines = [
        ParsedLine(**line | {"booked_on": parse_day(line["booked_on"]), "amount": Decimal(line["amount"])})
        for line in dumped["lines"]
    ]
    return ParsedStatement(
        account=dumped["account"],
        number=dumped["number"],
        opening_on=parse_day(dumped["opening_on"]),
        opening_balance=Decimal(dumped["opening_balance"]),
        closing_on=parse_day(dumped["closing_on"]),
        closing_balance=Decimal(dumped["closing_balance"]),
        lines=lines,
    )


def _dump(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _dump(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_dump(one) for one in value]
    return str(value) if isinstance(value, datetime.date | Decimal) else value


def _shorten(text: str, length: int) -> str:
    # PostgreSQL stores no NUL.
    return " ".join(text.replace("\0", " ").split())[:length].rstrip()
