"""Bank files of both formats, built from a few lines; the account is that of the seller of the tests."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field, replace
from decimal import Decimal

IBAN = "FR7630006000011234567890189"
OTHER_IBAN = "FR1420041010050500013M02606"
FIRST, LAST = datetime.date(2026, 11, 24), datetime.date(2026, 11, 30)
_POSITIVE, _NEGATIVE = "{ABCDEFGHI", "}JKLMNOPQR"


@dataclass(frozen=True)
class FileLine:
    """A line to be written; a debit is negative."""

    amount: str
    label: str = "VIR SEPA RECU"
    details: tuple[str, ...] = ()
    party: str = ""
    day: datetime.date = FIRST + datetime.timedelta(days=1)
    reference: str = ""
    codes: tuple[str, str] = ("RCDT", "ESCT")


@dataclass(frozen=True)
class StatementFile:
    """A statement to be written, whose new balance follows from its lines unless it is given."""

    lines: tuple[FileLine, ...]
    opening: str = "1000.00"
    closing: str | None = None
    opening_on: datetime.date = FIRST
    closing_on: datetime.date = LAST
    iban: str = IBAN
    number: str = "R-11"
    version: str = "02"
    extra: str = field(default="")

    @property
    def closing_balance(self) -> Decimal:
        if self.closing is not None:
            return Decimal(self.closing)
        return Decimal(self.opening) + sum(Decimal(line.amount) for line in self.lines)

    def followed_by(self, *lines: FileLine, days: int = 1) -> StatementFile:
        """Return the statement that goes on from this one."""
        return replace(
            self,
            lines=lines,
            opening=str(self.closing_balance),
            opening_on=self.closing_on,
            closing_on=self.closing_on + datetime.timedelta(days=days),
            number=f"{self.number}+",
        )


def write_camt(*statements: StatementFile) -> bytes:
    """Return a CAMT.053 document of the first statement's version."""
    version = statements[0].version
    body = "".join(_write_statement(one) for one in statements)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}">'
        f"<BkToCstmrStmt><GrpHdr><MsgId>M1</MsgId></GrpHdr>{body}</BkToCstmrStmt></Document>"
    ).encode()


def _write_statement(statement: StatementFile) -> str:
    entries = "\n".join(_write_entry(line, statement.version) for line in statement.lines)
    return (
        f"<Stmt><Id>{statement.number}</Id><Acct><Id><IBAN>{statement.iban}</IBAN></Id></Acct>"
        + _write_balance("OPBD", Decimal(statement.opening), statement.opening_on)
        + _write_balance("CLBD", statement.closing_balance, statement.closing_on)
        + f"{statement.extra}{entries}</Stmt>"
    )


def _write_balance(code: str, amount: Decimal, day: datetime.date) -> str:
    return f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{_write_amount(amount)}<Dt><Dt>{day}</Dt></Dt></Bal>"


def _write_amount(amount: Decimal) -> str:
    way = "CRDT" if amount >= 0 else "DBIT"
    return f'<Amt Ccy="EUR">{abs(amount)}</Amt><CdtDbtInd>{way}</CdtDbtInd>'


def _write_entry(line: FileLine, version: str) -> str:
    is_new = int(version) >= 8
    family, sub_family = line.codes
    name = f"<Pty><Nm>{line.party}</Nm></Pty>" if is_new else f"<Nm>{line.party}</Nm>"
    who = "Dbtr" if Decimal(line.amount) > 0 else "Cdtr"
    remittance = "".join(f"<Ustrd>{text}</Ustrd>" for text in line.details)
    return (
        f"<Ntry>{_write_amount(Decimal(line.amount))}<Sts>{'<Cd>BOOK</Cd>' if is_new else 'BOOK'}</Sts>"
        f"<BookgDt><Dt>{line.day}</Dt></BookgDt><AcctSvcrRef>{line.reference or 'NONREF'}</AcctSvcrRef>"
        f"<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>{family}</Cd><SubFmlyCd>{sub_family}</SubFmlyCd></Fmly></Domn></BkTxCd>"
        f"<NtryDtls><TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs>"
        f"<RltdPties><{who}>{name}</{who}></RltdPties><RmtInf>{remittance}</RmtInf></TxDtls></NtryDtls>"
        f"<AddtlNtryInf>{line.label}</AddtlNtryInf></Ntry>"
    )


def write_cfonb(*statements: StatementFile, end: str = "\r\n") -> bytes:
    """Return a CFONB 120 file."""
    records = [record for one in statements for record in _list_records(one)]
    return "".join(record + end for record in records).encode("cp1252")


def _list_records(statement: StatementFile) -> list[str]:
    records = [write_record("01", statement, statement.opening_on, Decimal(statement.opening))]
    for line in statement.lines:
        records.append(
            write_record("04", statement, line.day, Decimal(line.amount), label=line.label, reference=line.reference)
        )
        texts = [("NPY" if Decimal(line.amount) > 0 else "NBE", line.party)] if line.party else []
        texts += [("LIB" if not index else "LCC", text) for index, text in enumerate(line.details)]
        records += [write_further_text(statement, line.day, qualifier, text) for qualifier, text in texts]
    records.append(write_record("07", statement, statement.closing_on, statement.closing_balance))
    return records


def write_record(
    code: str,
    statement: StatementFile,
    day: datetime.date,
    amount: Decimal,
    *,
    label: str = "",
    reference: str = "",
    decimals: int = 2,
) -> str:
    """Return a record 01, 04 or 07."""
    digits = str(int(abs(amount).scaleb(decimals)))
    sign = (_NEGATIVE if amount < 0 else _POSITIVE)[int(digits[-1])]
    number = digits[:-1].rjust(13, "0") + sign
    head = _write_head(code, statement, decimals=decimals) + day.strftime("%d%m%y")
    middle = "  " + day.strftime("%d%m%y") + label[:31].ljust(31) + "  0000000  " if code == "04" else " " * 50
    return f"{head}{middle}{number}{reference[:16]}".ljust(120)


def write_further_text(statement: StatementFile, day: datetime.date, qualifier: str, text: str) -> str:
    """Return a record 05."""
    return f"{_write_head('05', statement)}{day.strftime('%d%m%y')}     {qualifier}{text[:70]}".ljust(120)


def _write_head(code: str, statement: StatementFile, *, decimals: int = 2) -> str:
    iban = statement.iban
    return f"{code}{iban[4:9]}    {iban[9:14]}EUR{decimals} {iban[14:25]}  "
