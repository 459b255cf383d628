"""Opening a file by what its bytes are; its name decides nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imports.readers import limits
from imports.readers.refusals import Unreadable
from imports.readers.text import TextWorkbook, too_many_rows
from imports.readers.workbook import ExcelWorkbook

if TYPE_CHECKING:
    from imports.readers.sheets import Workbook

ZIP = b"PK\x03\x04"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
#: What an HTML or XML page may begin with.
MARKUP = (
    b"<!doctype",
    b"<html",
    b"<table",
    b"<?xml",
    b"<head",
    b"<meta",
    b"<body",
    b"<style",
    b"<div",
    b"mime-version",
)
HOW = "Déposez un classeur .xlsx ou un fichier .csv."


def open_workbook(content: bytes) -> Workbook:
    """Open a file. Raises `Unreadable`, with a sentence that says what is wrong with it and what to do."""
    if not content.strip(b"\xef\xbb\xbf \t\r\n"):
        raise Unreadable("empty", f"Ce fichier est vide. {HOW}")
    if len(content) > limits.MAX_BYTES:
        raise Unreadable("too_big", "Ce fichier dépasse 20 Mo. Gardez les colonnes utiles, ou partagez-le en deux.")
    if content.startswith(ZIP):
        workbook: Workbook = ExcelWorkbook(content)
    else:
        _refuse_what_is_no_text(content)
        workbook = TextWorkbook(content)
    return workbook


def check_height(height: int) -> None:
    """Refuse a sheet that is too long, once it is known which one is meant."""
    if height > limits.MAX_ROWS + 100:
        raise too_many_rows(height)


def _refuse_what_is_no_text(content: bytes) -> None:
    head = content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if content.startswith(OLE):
        if ENCRYPTED in content:
            raise Unreadable(
                "encrypted",
                "Ce classeur est protégé par un mot de passe. Retirez la protection dans Excel (Fichier, "
                "Informations, Protéger le classeur), puis déposez-le.",
            )
        raise Unreadable(
            "not_supported",
            "Les anciens classeurs .xls ne sont pas lus. Dans Excel, choisissez « Enregistrer sous » puis « Classeur "
            "Excel (.xlsx) », et déposez ce fichier.",
        )
    if head.startswith(MARKUP):
        raise Unreadable(
            "html",
            "Ce fichier est une page web, même si son nom finit par .xls. Ouvrez-le dans votre tableur, "
            "enregistrez-le en .xlsx, puis déposez-le.",
        )
    if head.startswith(b"%pdf"):
        raise Unreadable("not_a_spreadsheet", f"Ce fichier est un PDF : un tableau ne s'y lit pas. {HOW}")
