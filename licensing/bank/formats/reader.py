"""Read an uploaded file in a child process, which it can make run out of memory or time alone.

`child_read` runs there, without Django's settings; what it returns is plain data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.bounded_process import BoundedProcessError, run_bounded
from licensing.bank.exceptions import UnreadableStatement
from licensing.bank.formats.camt053 import parse_camt053
from licensing.bank.formats.cfonb120 import parse_cfonb120
from licensing.bank.formats.parsed_statement import ParsedStatement, dump_statement, load_statement

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
