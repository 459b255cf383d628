"""CAMT.053, the account statement of ISO 20022, in each version: the elements read here have kept their names.

A booked entry (`Ntry`) is a line; one that groups several transfers (`TxDtls`) with their amounts is one line each.
The document is streamed: only one entry at a time is held as a tree.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from core.foreign_values import check_day
from core.xml_streaming import MalformedXml, create_parser, local_name, parse
from licensing.bank.exceptions import UnreadableStatement
from licensing.bank.formats.parsed_statement import MAX_AMOUNT, MAX_LINES, ParsedLine, ParsedStatement

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
