"""The 18 columns of a « fichier des écritures comptables »: LPF, article A47 A-1, VII, 1°. Pure.

Tab-separated, ISO 8859-15, amounts with a decimal comma, days as AAAAMMJJ. Accountants open it in a spreadsheet
program: a label that begins as a formula has an apostrophe before it, which the text allows, as it bounds no label's
letters; amounts are positive, and days and accounts are digits, so that nothing else ever begins so.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Iterator, Mapping
from decimal import Decimal

from core.spreadsheets import quote_formula
from licensing.accounting.journals import AccountingEntry, Journal

COLUMNS = (
    "JournalCode", "JournalLib", "EcritureNum", "EcritureDate", "CompteNum", "CompteLib", "CompAuxNum", "CompAuxLib",
    "PieceRef", "PieceDate", "EcritureLib", "Debit", "Credit", "EcritureLet", "DateLet", "ValidDate", "Montantdevise",
    "Idevise",
)  # fmt: skip
ENCODING = "iso-8859-15"
_MAX_TEXT = 200
# What would end a field or a line: the bar as well, for those who import with it.
_BREAKS = re.compile(r"[\x00-\x20\x7f-\xa0|\u2000-\u200f\u2028-\u202f\u205f\u3000]+")
_PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "−": "-", "…": "..."})


def format_header() -> bytes:
    """Return the line of the names."""
    return _format_line(COLUMNS)


def format_entry(
    entry: AccountingEntry, *, journals: Mapping[Journal, tuple[str, str]], accounts: Mapping[str, tuple[str, str]]
) -> Iterator[bytes]:
    """Yield the lines of an entry. `journals`, `accounts`: the code and the label of each."""
    code, label = journals[entry.journal]
    day = _format_day(entry.on)
    for line in entry.lines:
        client = (line.client.number, line.client.name) if line.client else ("", "")
        debit, credit = (line.amount, 0) if line.amount > 0 else (0, -line.amount)
        yield _format_line(
            (
                code, label, str(entry.number), day, *accounts[line.account], *client,
                entry.piece, _format_day(entry.piece_on), entry.label, _format_amount(debit), _format_amount(credit),
                line.letter, _format_day(line.letter_on) if line.letter_on else "",
                # The books keep what they have recorded: an entry is valid from its day on.
                day, "", "",
            )
        )  # fmt: skip


def _format_line(values: tuple[str, ...]) -> bytes:
    return "\t".join(_clean(value) for value in values).encode(ENCODING, errors="replace") + b"\r\n"


def _format_day(day: datetime.date) -> str:
    return f"{day:%Y%m%d}"


def _format_amount(amount: Decimal | int) -> str:
    return f"{amount:.2f}".replace(".", ",")


def _clean(text: str) -> str:
    """Return a text that ends no field, in letters that the file's character set has."""
    text = unicodedata.normalize("NFC", text).translate(_PLAIN)
    text = quote_formula(_BREAKS.sub(" ", text).strip())[:_MAX_TEXT]
    # The complete text first: letter by letter takes half of an export.
    return text if _is_encodable(text) else "".join(map(_find_letter, text))


def _is_encodable(text: str) -> bool:
    try:
        text.encode(ENCODING)
    except UnicodeEncodeError:
        return False
    return True


def _find_letter(letter: str) -> str:
    """Return a letter that the file can have, without its accent where it has none for it."""
    return letter if _is_encodable(letter) else unicodedata.normalize("NFKD", letter)[0]
