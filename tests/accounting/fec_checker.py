"""An independent reader of a « fichier des écritures comptables », written from LPF, article A47 A-1, III and VII.

It knows nothing of the code that writes the file. The DGFiP's « Test Compta Demat » is a program for Windows.
"""

import datetime
import re
from collections import defaultdict
from decimal import Decimal
from itertools import groupby, pairwise

#: VII, 1°: the first 18 pieces of information, in that order.
NAMES = [
    "JournalCode", "JournalLib", "EcritureNum", "EcritureDate", "CompteNum", "CompteLib", "CompAuxNum", "CompAuxLib",
    "PieceRef", "PieceDate", "EcritureLib", "Debit", "Credit", "EcritureLet", "DateLet", "ValidDate", "Montantdevise",
    "Idevise",
]  # fmt: skip
#: « À blanc si non utilisé ».
MAY_BE_EMPTY = {"CompAuxNum", "CompAuxLib", "EcritureLet", "DateLet", "Montantdevise", "Idevise"}
DAYS = ("EcritureDate", "PieceDate", "ValidDate", "DateLet")
AMOUNT = re.compile(r"[0-9]+,[0-9]{2}")


def read_fec(content: bytes) -> list[dict[str, str]]:
    """Return the lines of a file, by name. Fails where the file as such is wrong."""
    text = content.decode("iso-8859-15")
    assert text.endswith("\r\n")
    header, *lines = text.removesuffix("\r\n").split("\r\n")
    assert header.split("\t") == NAMES
    assert all(line.count("\t") == len(NAMES) - 1 for line in lines)
    return [dict(zip(NAMES, line.split("\t"), strict=True)) for line in lines]


def amount(text: str) -> Decimal:
    return Decimal(text.replace(",", "."))


def signed(line: dict[str, str]) -> Decimal:
    """Return the amount of a line: a debit is positive."""
    return amount(line["Debit"]) - amount(line["Credit"])


def list_faults(lines: list[dict[str, str]], *, start: datetime.date, end: datetime.date) -> list[str]:
    """Return what breaks the article's rules, one sentence each."""
    faults = [fault for line in lines for fault in _check_line(line)]
    faults += _check_entries(lines, start=start, end=end)
    faults += _check_letters(lines)
    faults += _check_labels(lines)
    return faults


def _check_line(line: dict[str, str]) -> list[str]:
    where = f"{line['JournalCode']} {line['EcritureNum']}"
    faults = [f"{where}: no {name}" for name in NAMES if not line[name] and name not in MAY_BE_EMPTY]
    for name in DAYS:
        if line[name]:
            try:
                datetime.datetime.strptime(line[name], "%Y%m%d")  # noqa: DTZ007 - a day
            except ValueError:
                faults.append(f"{where}: {name} {line[name]} is no AAAAMMJJ")
    faults += [f"{where}: {name} {line[name]}" for name in ("Debit", "Credit") if not AMOUNT.fullmatch(line[name])]
    if (line["Debit"] == "0,00") == (line["Credit"] == "0,00"):
        faults.append(f"{where}: {line['Debit']} and {line['Credit']}")
    if not re.match(r"[1-7][0-9]{2}", line["CompteNum"]):
        faults.append(f"{where}: account {line['CompteNum']} of no plan")
    if bool(line["CompAuxNum"]) != bool(line["CompAuxLib"]) or bool(line["EcritureLet"]) != bool(line["DateLet"]):
        faults.append(f"{where}: an auxiliary account or a letter by halves")
    return faults


def _check_entries(lines: list[dict[str, str]], *, start: datetime.date, end: datetime.date) -> list[str]:
    """Each entry balances, on one day with one piece; each journal's numbers follow each other; days never go back."""
    faults = []
    entries: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for line in lines:
        entries[line["JournalCode"], line["EcritureNum"]].append(line)
    for key, parts in entries.items():
        if sum(signed(line) for line in parts):
            faults.append(f"{key}: not balanced")
        same = ("EcritureDate", "PieceRef", "PieceDate", "EcritureLib", "ValidDate")
        faults += [f"{key}: several {name}" for name in same if len({line[name] for line in parts}) != 1]
        if not f"{start:%Y%m%d}" <= parts[0]["EcritureDate"] <= f"{end:%Y%m%d}":
            faults.append(f"{key}: {parts[0]['EcritureDate']} is out of the period")
    together = [key for key, _ in groupby(lines, lambda line: (line["JournalCode"], line["EcritureNum"]))]
    if len(together) != len(entries):
        faults.append("the lines of an entry are apart")
    numbers: dict[str, list[int]] = defaultdict(list)
    for journal, number in entries:
        numbers[journal].append(int(number))
    faults += [
        f"{journal}: {a} then {b}" for journal, all_of in numbers.items() for a, b in pairwise(all_of) if b != a + 1
    ]
    faults += [
        f"{b['EcritureDate']} after {a['EcritureDate']}"
        for a, b in pairwise(lines)
        if b["EcritureDate"] < a["EcritureDate"] or b["ValidDate"] < a["ValidDate"]
    ]
    return faults


def _check_letters(lines: list[dict[str, str]]) -> list[str]:
    """The lines of an account that have one letter add up to nothing, unless earlier ones are in another file."""
    sums: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for line in lines:
        if line["EcritureLet"]:
            sums[line["CompteNum"], line["CompAuxNum"], line["EcritureLet"]] += signed(line)
    return [f"{key}: {total} lettered together" for key, total in sums.items() if total]


def _check_labels(lines: list[dict[str, str]]) -> list[str]:
    labels: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        labels[line["CompteNum"]].add(line["CompteLib"])
        labels[line["JournalCode"]].add(line["JournalLib"])
    return [f"{code} has several labels: {found}" for code, found in labels.items() if len(found) > 1]


def sum_accounts(lines: list[dict[str, str]]) -> dict[str, Decimal]:
    """Return the balance of each account: debits less credits."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        sums[line["CompteNum"]] += signed(line)
    return dict(sums)
