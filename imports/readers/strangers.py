"""Files that are no table, or none that is read: what each is, and how to make one of it that is read."""

from __future__ import annotations

from imports.readers.refusals import Unreadable, damaged, encrypted

HOW = "Déposez un classeur .xlsx, .xls ou .ods, ou un fichier .csv."
SAVE = (
    "Ouvrez-le dans votre tableur, choisissez « Enregistrer sous » puis « Classeur Excel (.xlsx) », et déposez ce "
    "fichier-là."
)
#: What an HTML page may begin with.
_PAGES = (
    b"<!doctype", b"<html", b"<table", b"<head", b"<meta", b"<body", b"<style", b"<script", b"<div", b"<center", b"<tr",
    b"<!--", b"mime-version", b"content-type: multipart",
)  # fmt: skip
_PDF = f"Ce fichier est un PDF : un tableau ne s'y lit pas. {HOW}"
_PICTURE = f"Ce fichier est une image : un tableau ne s'y lit pas. {HOW}"
_RICH_TEXT = f"Ce fichier est un texte mis en forme (.rtf), pas un tableau. {HOW}"
_PACKED = "Ce fichier est une archive compressée. Décompressez-la, puis déposez le tableau qu'elle contient."
#: How files begin that are neither texts nor archives of a kind that is looked into.
_BEGINNINGS = {
    b"%pdf": _PDF, b"{\\rtf": _RICH_TEXT, b"\x89png": _PICTURE, b"\xff\xd8\xff": _PICTURE, b"gif8": _PICTURE,
    b"rar!": _PACKED, b"7z\xbc\xaf": _PACKED, b"\x1f\x8b": _PACKED,
}  # fmt: skip
_OLD = (b"\x09\x00\x04\x00", b"\x09\x00\x06\x00", b"\x09\x02\x06\x00", b"\x09\x04\x06\x00")
_TABLES = (".xlsx", ".xlsm", ".xls", ".ods", ".csv", ".tsv", ".txt", ".xlsb", ".numbers")


def refuse_by_beginning(content: bytes) -> None:
    """Raise `Unreadable` where a file begins as no table does; texts and known workbooks pass."""
    head = content[:4096].lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0").lower()
    for beginning, sentence in _BEGINNINGS.items():
        # Some marks are among the bytes that were stripped.
        if content[:8].lower().startswith(beginning) or head.startswith(beginning):
            raise Unreadable("archive" if sentence is _PACKED else "not_a_spreadsheet", sentence)
    if content.startswith(_OLD):
        raise Unreadable("not_supported", f"Ce classeur date d'une version d'Excel trop ancienne. {SAVE}")
    head = head.replace(b"\0", b"")
    if head.startswith(_PAGES):
        raise Unreadable("html", f"Ce fichier est une page web, même si son nom finit par .xls. {SAVE}")
    if head.startswith(b"<"):
        _refuse_markup(head)


def _refuse_markup(head: bytes) -> None:
    if b"urn:schemas-microsoft-com:office:spreadsheet" in head:
        raise Unreadable("not_supported", f"Ce fichier est une « feuille de calcul XML 2003 ». {SAVE}")
    if b"opendocument" in head:
        raise Unreadable("not_supported", f"Ce fichier est un classeur OpenDocument « à plat » (.fods). {SAVE}")
    if b"<html" in head or b"xhtml" in head:
        raise Unreadable("html", f"Ce fichier est une page web, même si son nom finit par .xls. {SAVE}")
    if head.startswith(b"<?xml"):
        raise Unreadable("not_a_spreadsheet", f"Ce fichier est du XML, pas un tableau. {HOW}")


def other_archive(found: set[str]) -> Unreadable:
    """Return the refusal of a zip archive that is no workbook, by its members' names in lower case."""
    if "encrypted-package" in found:
        return encrypted()
    if "[content_types].xml" in found and not found & {"word/document.xml", "ppt/presentation.xml", "xl/workbook.bin"}:
        return damaged()
    code, sentence = "not_a_spreadsheet", f"Ce fichier n'est pas un tableau. {HOW}"
    if "xl/workbook.bin" in found:
        code, sentence = "not_supported", f"Les classeurs binaires (.xlsb) ne sont pas lus. {SAVE}"
    elif "index.zip" in found or any(name.startswith("index/") and name.endswith(".iwa") for name in found):
        code = "not_supported"
        sentence = (
            "Les classeurs Numbers ne sont pas lus. Dans Numbers, choisissez « Fichier », « Exporter vers » puis "
            "« Excel », et déposez ce fichier-là."
        )
    elif found & {"word/document.xml", "ppt/presentation.xml", "content.xml"}:
        sentence = f"Ce fichier est un texte ou une présentation, pas un tableau. {HOW}"
    elif any(name.endswith(_TABLES) for name in found):
        code, sentence = "archive", _PACKED
    return Unreadable(code, sentence)
