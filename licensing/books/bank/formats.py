"""Bank files → statements and their lines: CAMT.053 (ISO 20022) and CFONB 120. Pure: no database, no settings."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from core import formatting
from core.bounded_process import BoundedProcessError, run_bounded
from core.exceptions import DomainError
from core.foreign_values import check_day, parse_day
from core.xml_streaming import MalformedXml, create_parser, local_name, parse
from schools.folding import fold

#: Of a file. A year of 300 transfers a month is 3,600.
MAX_LINES = 20_000
#: Below the columns' twelve digits, so that no sum of a line and its parts can exceed them.
MAX_AMOUNT = Decimal("999999999.99")
MAX_REFERENCE, MAX_LABEL, MAX_PARTY, MAX_DETAILS = 140, 140, 140, 2000
_CHEQUE = re.compile(r"\b(cheques?|chqs?|cheq)\b")
_RETURN = re.compile(r"\b(impayes?|rejets?|rejetes?|retournes?|retour|unpaid)\b")


class UnreadableStatement(DomainError):
    """The file is no bank statement that can be read, or its balances do not add up. Nothing was stored."""

    code = "unreadable_statement"


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
    dumped: dict[str, Any] = json.loads(json.dumps(asdict(statement), default=str))
    return dumped


#: How what was dumped as a text is read again, by the name of its field.
_READERS: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("booked_on", "opening_on", "closing_on"), parse_day),
    **dict.fromkeys(("amount", "opening_balance", "closing_balance"), Decimal),
}


def load_statement(dumped: dict[str, Any]) -> ParsedStatement:
    """Return the statement that was dumped."""
    lines = [ParsedLine(**_load(line)) for line in dumped["lines"]]
    return ParsedStatement(**_load(dumped) | {"lines": lines})


def _load(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _READERS[name](value) if name in _READERS else value for name, value in values.items()}


def _shorten(text: str, length: int) -> str:
    # PostgreSQL stores no NUL.
    return " ".join(text.replace("\0", " ").split())[:length].rstrip()


# CFONB 120: records of 120 characters, 01 old balance, 04 operation, 05 its further texts, 07 new balance.
#
# Source: CFONB, « Relevé de compte sur support informatique », July 2004, and its texts of SEPA operations of 2007.
# Amounts have the decimals that their record says; their last character is a digit and a sign (`_SIGNED_DIGITS`).

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


# CAMT.053, the account statement of ISO 20022, in each version: the elements read here have kept their names.
#
# A booked entry (`Ntry`) is a line; one that groups several transfers (`TxDtls`) with their amounts is one line each.
# The document is streamed: only one entry at a time is held as a tree.

_MESSAGE = re.compile(r"camt\.(\d{3})\.\d{3}\.\d{2}")
_AMOUNT = re.compile(r"\+?[0-9]{1,15}(?:\.[0-9]{1,5})?")
#: Depth of a statement's own elements: Document, BkToCstmrStmt, Stmt, then these.
_STATEMENT_DEPTH = 3
#: An unclosed element nests no deeper in a real file.
_MAX_DEPTH = 40
#: Opening balances, the best first: of this statement, of the previous one, of the previous page.
_OPENING, _CLOSING = ("OPBD", "PRCD", "ITBD"), ("CLBD", "ITBD")
#: Families of bank transaction codes: cheques received; cheques unpaid, transfers returned.
_CHEQUES, _RETURNS = {"RCHQ"}, {"UPCQ", "RRTN", "UPDD", "UPCT"}
_NOT_PROVIDED = {"NOTPROVIDED", "NONREF"}
_PIECE_BYTES = 64 * 1024


@dataclass(slots=True)
class XmlNode:
    """An element of an entry, without its namespace."""

    name: str
    #: Line of the file.
    line: int
    currency: str = ""
    text: str = ""
    children: list[XmlNode] = field(default_factory=list)

    def find_all(self, path: str) -> Iterator[XmlNode]:
        """Yield the elements at a path of names below this one."""
        first, _, rest = path.partition("/")
        for child in self.children:
            if child.name == first:
                if rest:
                    yield from child.find_all(rest)
                else:
                    yield child

    def find(self, *paths: str) -> XmlNode | None:
        """Return the first element at the first of the paths that has one."""
        return next((node for path in paths for node in self.find_all(path)), None)

    def get(self, *paths: str) -> str:
        """Return the text of the first element at the first of the paths that has one; else an empty text."""
        return next((node.text for path in paths for node in self.find_all(path) if node.text), "")

    def refuse(self, why: str) -> UnreadableStatement:
        """Return a refusal that names the line of this element."""
        return UnreadableStatement(f"Ligne {self.line} du fichier : {why}.")


def parse_camt053(content: bytes) -> list[ParsedStatement]:
    """Return the statements of a document, all accounts. Raises `UnreadableStatement`, which says the line."""
    reader = _CamtReader()
    pieces = (content[start : start + _PIECE_BYTES] for start in range(0, len(content), _PIECE_BYTES))
    try:
        parse(reader.parser, pieces)
    except MalformedXml as error:
        raise UnreadableStatement(
            f"Ce fichier XML est incomplet ou abîmé, à la ligne {reader.parser.CurrentLineNumber} : redemandez-le à la "
            "banque."
        ) from error
    if not reader.statements:
        raise UnreadableStatement("Ce fichier XML ne contient aucun relevé (Stmt).")
    return reader.statements


class _CamtReader:
    """Keeps one child of a statement at a time, and makes a statement of what it has read of them."""

    def __init__(self) -> None:
        self.statements: list[ParsedStatement] = []
        self.parser = create_parser(self._start)
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._add_text
        self.parser.buffer_text = True
        self._depth = 0
        self._open: list[XmlNode] = []
        self._statement: _OpenStatement | None = None
        self._lines = 0

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = local_name(name)
        if self._depth == 0:
            self._check_message(name, attributes)
        if self._depth == _STATEMENT_DEPTH - 1 and name == "Stmt":
            self._statement = _OpenStatement(self.parser.CurrentLineNumber)
        elif self._statement is not None:
            node = XmlNode(name, self.parser.CurrentLineNumber, attributes.get("Ccy", ""))
            if self._open:
                self._open[-1].children.append(node)
            self._open.append(node)
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise UnreadableStatement(f"Ligne {self.parser.CurrentLineNumber} du fichier : trop d'éléments imbriqués.")

    def _check_message(self, name: str, attributes: dict[str, str]) -> None:
        message = next((found for value in attributes.values() if (found := _MESSAGE.search(value))), None)
        if name != "Document" or message is None:
            raise UnreadableStatement("Ce fichier XML n'est pas un relevé de compte CAMT.053.")
        if message[1] != "053":
            raise UnreadableStatement(
                f"Ce fichier est un {message[0]} : c'est le relevé de compte, camt.053, qui est à déposer."
            )

    def _add_text(self, text: str) -> None:
        if self._open:
            self._open[-1].text += text

    def _end(self, name: str) -> None:
        self._depth -= 1
        if self._open:
            node = self._open.pop()
            node.text = node.text.strip()
            if not self._open and self._statement is not None:
                self._lines += self._statement.add(node)
                if self._lines > MAX_LINES:
                    raise node.refuse(f"plus de {MAX_LINES} écritures dans un fichier")
        elif self._statement is not None and self._depth == _STATEMENT_DEPTH - 1 and local_name(name) == "Stmt":
            self.statements.append(self._statement.close())
            self._statement = None


class _OpenStatement:
    """What was read of a statement."""

    def __init__(self, line: int) -> None:
        self._line = line
        self._account = self._number = ""
        self._balances: dict[str, list[tuple[datetime.date, Decimal]]] = {}
        self._lines: list[ParsedLine] = []

    def add(self, node: XmlNode) -> int:
        """Take in a child of the statement; return how many lines it made. Raises `UnreadableStatement`."""
        if node.name == "Id":
            self._number = node.text[:70]
        elif node.name == "Acct":
            self._account = "".join(node.get("Id/IBAN", "Id/Othr/Id").split()).upper()
        elif node.name == "Bal":
            code = node.get("Tp/CdOrPrtry/Cd")
            self._balances.setdefault(code, []).append((_read_day(node, "Dt"), _read_amount(node)))
        elif node.name == "Ntry" and node.get("Sts/Cd", "Sts").upper() in ("BOOK", ""):
            lines = list(_read_entry(node))
            self._lines += lines
            return len(lines)
        return 0

    def close(self) -> ParsedStatement:
        """Return the statement. Raises `UnreadableStatement` where balances or account are missing or wrong."""
        if not self._account:
            raise UnreadableStatement(f"Ligne {self._line} du fichier : le relevé ne dit pas de quel compte il est.")
        opening = next((self._balances[code][0] for code in _OPENING if code in self._balances), None)
        closing = next((self._balances[code][-1] for code in _CLOSING if code in self._balances), None)
        if opening is None or closing is None:
            missing = "d'ouverture (OPBD)" if opening is None else "de clôture (CLBD)"
            raise UnreadableStatement(f"Ligne {self._line} du fichier : le relevé n'a pas de solde {missing}.")
        statement = ParsedStatement(self._account, self._number, *opening, *closing, self._lines)
        if statement.closing_on < statement.opening_on:
            raise UnreadableStatement(
                f"Ligne {self._line} du fichier : le solde de clôture est antérieur à celui d'ouverture."
            )
        statement.check_balance()
        return statement


def _read_entry(entry: XmlNode) -> Iterator[ParsedLine]:
    """Yield the lines of a booked entry: itself, or the transfers that it groups where their amounts add up to it."""
    total = _read_amount(entry)
    booked_on = _read_day(entry, "BookgDt")
    reference = entry.get("AcctSvcrRef", "NtryRef")
    codes = {entry.get("BkTxCd/Domn/Fmly/Cd"), entry.get("BkTxCd/Domn/Fmly/SubFmlyCd")}
    transfers = list(entry.find_all("NtryDtls/TxDtls"))
    amounts = [_read_transfer_amount(one, total) for one in transfers]
    known = [amount for amount in amounts if amount is not None]
    groups: list[tuple[list[XmlNode], Decimal, str]]
    if len(transfers) > 1 and len(known) == len(transfers) and sum(known) == total:
        groups = [
            ([one], amount, one.get("Refs/AcctSvcrRef") or reference)
            for one, amount in zip(transfers, known, strict=True)
        ]
    else:
        groups = [(transfers, total, reference)]
    for members, amount, own_reference in groups:
        texts = [entry.get("AddtlNtryInf"), *(text for one in members for text in _list_texts(one))]
        texts = [text for text in texts if text and text not in _NOT_PROVIDED]
        party = next((name for one in members if (name := _find_party(one, is_credit=amount > 0))), "")
        line = ParsedLine(
            booked_on=booked_on,
            amount=amount,
            reference="" if own_reference in _NOT_PROVIDED else own_reference,
            label=texts[0] if texts else party,
            party=party,
            details=" ".join(texts[1:]),
            is_cheque=bool(codes & _CHEQUES),
            is_return=entry.get("RvslInd") == "true" or bool(codes & _RETURNS),
        )
        line.complete()
        yield line


def _list_texts(transfer: XmlNode) -> Iterator[str]:
    """Yield all that a transfer says of what it pays for, and the identifiers of who pays."""
    for path in (
        "RmtInf/Ustrd",
        "RmtInf/Strd/CdtrRefInf/Ref",
        "RmtInf/Strd/RfrdDocInf/Nb",
        "RmtInf/Strd/AddtlRmtInf",
        "Refs/EndToEndId",
        "Refs/ChqNb",
        "RltdPties/UltmtDbtr/Nm",
        "RltdPties/UltmtDbtr/Pty/Nm",
        "RltdPties/Dbtr/Id/OrgId/Othr/Id",
        "RltdPties/Dbtr/Pty/Id/OrgId/Othr/Id",
        "AddtlTxInf",
    ):
        for node in transfer.find_all(path):
            yield node.text


def _find_party(transfer: XmlNode, *, is_credit: bool) -> str:
    """Return the name of who paid, or of who was paid; until version 07 it stood one element higher."""
    who = "Dbtr" if is_credit else "Cdtr"
    return transfer.get(f"RltdPties/{who}/Nm", f"RltdPties/{who}/Pty/Nm")


def _read_transfer_amount(transfer: XmlNode, total: Decimal) -> Decimal | None:
    """Return the amount of a grouped transfer, with its sign or the entry's; None if it has none in euros."""
    node = transfer.find("Amt", "AmtDtls/TxAmt/Amt")
    if node is None or node.currency != "EUR":
        return None
    way = transfer.get("CdtDbtInd") or ("CRDT" if total > 0 else "DBIT")
    return _read_euros(node) * (1 if way == "CRDT" else -1)


def _read_amount(node: XmlNode) -> Decimal:
    """Return the signed amount of an entry or a balance. Raises `UnreadableStatement`."""
    amount = node.find("Amt")
    way = node.get("CdtDbtInd")
    if amount is None or way not in ("CRDT", "DBIT"):
        raise node.refuse("il manque le montant (Amt) ou son sens (CdtDbtInd)")
    return _read_euros(amount) * (1 if way == "CRDT" else -1)


def _read_euros(node: XmlNode) -> Decimal:
    if node.currency != "EUR":
        raise node.refuse(f"la devise « {node.currency} » : seuls les comptes en euros sont lus")
    if not _AMOUNT.fullmatch(node.text):
        raise node.refuse(f"le montant « {node.text[:30]} » est illisible")
    amount = Decimal(node.text)
    if amount != round(amount, 2) or amount > MAX_AMOUNT:
        raise node.refuse(f"« {node.text[:30]} » n'est pas un montant en euros")
    return round(amount, 2)


def _read_day(node: XmlNode, path: str) -> datetime.date:
    text = node.get(f"{path}/Dt", f"{path}/DtTm")
    try:
        day = datetime.date.fromisoformat(text[:10])
    except ValueError:
        raise node.refuse(f"la date « {text[:30]} » n'existe pas ({path})") from None
    try:
        return check_day(day)
    except ValueError:
        raise node.refuse(f"la date « {text[:30]} » n'est celle d'aucun relevé ({path})") from None


# Read an uploaded file in a child process, which it can make run out of memory or time alone.
#
# `child_read` runs there, without Django's settings; what it returns is plain data.

#: Values of `BankStatement.format`.
CAMT053, CFONB120 = "camt053", "cfonb120"
_UTF8_MARK = b"\xef\xbb\xbf"
_XML_STARTS = (b"<", b"\xff\xfe<", b"\xfe\xff\0<")


def read_statements(content: bytes) -> tuple[str, list[ParsedStatement]]:
    """Return the format of a file and its statements, all accounts. Raises `UnreadableStatement`."""
    try:
        answer = run_bounded(f"{__name__}:child_read", content)
    except BoundedProcessError as error:
        raise UnreadableStatement(error.sentence) from error
    if "refusal" in answer:
        raise UnreadableStatement(answer["refusal"])
    return answer["format"], [load_statement(one) for one in answer["statements"]]


def child_read(send: Callable[[Any], None], content: bytes) -> dict[str, Any]:  # noqa: ARG001 - nothing to tell meanwhile
    """Return the format and the statements of a file, or the refusal, as plain data."""
    try:
        name, statements = parse_statements(content)
    except UnreadableStatement as refusal:
        return {"refusal": refusal.sentence}
    return {"format": name, "statements": [dump_statement(one) for one in statements]}


def parse_statements(content: bytes) -> tuple[str, list[ParsedStatement]]:
    """Return the format of a file, told by its first bytes, and its statements. Raises `UnreadableStatement`."""
    start = content.lstrip(b" \t\r\n")[:10]
    if start.removeprefix(_UTF8_MARK).startswith(_XML_STARTS):
        return CAMT053, parse_camt053(content.lstrip(b" \t\r\n"))
    if start.removeprefix(_UTF8_MARK).startswith(b"01"):
        return CFONB120, parse_cfonb120(content)
    if start.startswith(b"PK\x03\x04"):
        raise UnreadableStatement("Ce fichier est une archive ZIP : ouvrez-la, et déposez le relevé qu'elle contient.")
    raise UnreadableStatement(
        "Ce fichier n'est ni un relevé CAMT.053 (XML), ni un relevé CFONB 120, qui commence par « 01 ». Demandez l'un "
        "des deux à votre banque ; un PDF ou un tableau ne convient pas."
    )
