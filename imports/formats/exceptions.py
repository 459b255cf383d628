"""Why a file cannot be read, and which files are recognised as unsupported."""

import re

from imports.formats import limits


class UnreadableFile(Exception):
    """The file cannot be read. `code` is stable; `sentence` is French and says what to do next."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def damaged() -> UnreadableFile:
    """Return the error for a damaged or incomplete workbook."""
    return UnreadableFile(
        "damaged",
        "Ce classeur est abîmé ou incomplet. Ouvrez-le dans votre tableur, enregistrez-le de nouveau en .xlsx, "
        "puis déposez-le.",
    )


def encrypted() -> UnreadableFile:
    """Return the error for a password-protected workbook."""
    return UnreadableFile(
        "encrypted",
        "Ce classeur est protégé par un mot de passe. Retirez la protection dans votre tableur (dans Excel : Fichier, "
        "Informations, Protéger le classeur), enregistrez-le, puis déposez-le.",
    )


def too_many_cells() -> UnreadableFile:
    """Return the error for a workbook with a sheet that is too large."""
    return UnreadableFile(
        "too_many_cells",
        "Ce classeur contient une feuille démesurée : trop de lignes et de colonnes, ou des textes trop longs. Copiez "
        "le tableau seul dans un nouveau classeur, puis déposez celui-ci.",
    )


def too_many_sheets(sheets: int, most: int) -> UnreadableFile:
    """Return the error for a workbook with too many sheets."""
    return UnreadableFile(
        "too_many_sheets",
        f"Ce classeur a {sheets} feuilles ; {most} au plus sont lues. Gardez celle qui porte la liste des écoles.",
    )


def too_many_formulas() -> UnreadableFile:
    """Return the error for a workbook with too many formulas that have no result or an error."""
    return UnreadableFile(
        "too_many_formulas",
        "Ce classeur contient plus d'un million de formules sans résultat ou en erreur. Ouvrez-le dans votre tableur, "
        "corrigez ou effacez ces formules, enregistrez-le, puis déposez-le.",
    )


def too_much_memory() -> UnreadableFile:
    """Return the error for a file whose reading was stopped at its limit of memory."""
    return UnreadableFile(
        "too_much_memory",
        "Ce fichier demande trop de mémoire pour être lu : sa lecture a été arrêtée. Copiez le tableau seul dans un "
        "nouveau classeur, puis déposez celui-ci.",
    )


def too_much_time() -> UnreadableFile:
    """Return the error for a file whose reading was stopped at its limit of time."""
    return UnreadableFile(
        "too_much_time",
        "Ce fichier demande trop de temps pour être lu : sa lecture a été arrêtée. Copiez le tableau seul dans un "
        "nouveau classeur, puis déposez celui-ci.",
    )


def annotation_too_slow() -> UnreadableFile:
    """Return the error for an annotated workbook that was not made in time: the file itself was read before."""
    return UnreadableFile(
        "too_much_time",
        "Le tableau annoté a demandé trop de temps : sa préparation a été arrêtée. Redemandez-le dans un moment, ou "
        "corrigez les lignes sur cette page.",
    )


def empty() -> UnreadableFile:
    """Return the error for an empty workbook."""
    return UnreadableFile("empty", "Ce classeur ne contient aucune ligne.")


def too_many_rows(height: int) -> UnreadableFile:
    """Return the error for a table with too many rows."""
    return UnreadableFile(
        "too_many_rows",
        f"Ce tableau a {height} lignes ; {limits.MAX_ROWS} au plus sont lues. Partagez-le en plusieurs fichiers.",
    )


def check_height(height: int) -> None:
    """Raise `UnreadableFile` when the selected sheets have too many rows.

    Titles, blank rows and totals are not counted among the rows of data, hence the margin.
    """
    if height > limits.MAX_ROWS + limits.MARGIN_ROWS:
        raise too_many_rows(height)


ACCEPTED_FORMATS_HINT = "Déposez un classeur .xlsx, .xls ou .ods, ou un fichier .csv."
RESAVE_HINT = (
    "Ouvrez-le dans votre tableur, choisissez « Enregistrer sous » puis « Classeur Excel (.xlsx) », et déposez ce "
    "fichier-là."
)
#: How an HTML page may begin.
_HTML_STARTS = (
    b"<!doctype", b"<html", b"<table", b"<head", b"<meta", b"<body", b"<style", b"<script", b"<div", b"<center", b"<tr",
    b"<!--", b"mime-version", b"content-type: multipart",
)  # fmt: skip
_PDF = f"Ce fichier est un PDF : un tableau ne s'y lit pas. {ACCEPTED_FORMATS_HINT}"
_PICTURE = f"Ce fichier est une image : un tableau ne s'y lit pas. {ACCEPTED_FORMATS_HINT}"
_RICH_TEXT = f"Ce fichier est un texte mis en forme (.rtf), pas un tableau. {ACCEPTED_FORMATS_HINT}"
_COMPRESSED = "Ce fichier est une archive compressée. Décompressez-la, puis déposez le tableau qu'elle contient."
_JSON = (
    "Ce fichier est du JSON (.json), un format d'échange entre programmes, pas un tableau. Demandez à l'application "
    "dont il vient un export en .xlsx ou en .csv, et déposez ce fichier-là."
)
_JSON_START = re.compile(rb'\[\s*[\[{"]|\{\s*"')
_SYLK_START = b"id;p"
#: First bytes of unsupported formats.
_SIGNATURES = {
    b"%pdf": _PDF, b"{\\rtf": _RICH_TEXT, b"\x89png": _PICTURE, b"\xff\xd8\xff": _PICTURE, b"gif8": _PICTURE,
    b"rar!": _COMPRESSED, b"7z\xbc\xaf": _COMPRESSED, b"\x1f\x8b": _COMPRESSED,
}  # fmt: skip
_OLD_EXCEL = (b"\x09\x00\x04\x00", b"\x09\x00\x06\x00", b"\x09\x02\x06\x00", b"\x09\x04\x06\x00")
_SPREADSHEET_SUFFIXES = (".xlsx", ".xlsm", ".xls", ".ods", ".csv", ".tsv", ".txt", ".xlsb", ".numbers")


def reject_by_signature(content: bytes) -> None:
    """Raise `UnreadableFile` for a file with the signature of an unsupported format."""
    head = content[:4096].lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0").lower()
    for signature, sentence in _SIGNATURES.items():
        # Some signatures contain bytes that were stripped.
        if content[:8].lower().startswith(signature) or head.startswith(signature):
            raise UnreadableFile("archive" if sentence is _COMPRESSED else "not_a_spreadsheet", sentence)
    if content.startswith(_OLD_EXCEL):
        raise UnreadableFile("not_supported", f"Ce classeur date d'une version d'Excel trop ancienne. {RESAVE_HINT}")
    head = head.replace(b"\0", b"")
    if head.startswith(_HTML_STARTS):
        raise UnreadableFile("html", f"Ce fichier est une page web, même si son nom finit par .xls. {RESAVE_HINT}")
    if head.startswith(_SYLK_START):
        raise UnreadableFile(
            "not_supported", f"Ce fichier est au format SYLK (.slk), trop ancien pour être lu. {RESAVE_HINT}"
        )
    if _JSON_START.match(head):
        raise UnreadableFile("not_supported", _JSON)
    if head.startswith(b"<"):
        _reject_xml(head)


def _reject_xml(head: bytes) -> None:
    if b"urn:schemas-microsoft-com:office:spreadsheet" in head:
        raise UnreadableFile("not_supported", f"Ce fichier est une « feuille de calcul XML 2003 ». {RESAVE_HINT}")
    if b"opendocument" in head:
        raise UnreadableFile(
            "not_a_spreadsheet",
            f"Ce fichier est un document OpenDocument « à plat », mais pas un tableau. {ACCEPTED_FORMATS_HINT}",
        )
    if b"<html" in head or b"xhtml" in head:
        raise UnreadableFile("html", f"Ce fichier est une page web, même si son nom finit par .xls. {RESAVE_HINT}")
    if head.startswith(b"<?xml"):
        raise UnreadableFile("not_a_spreadsheet", f"Ce fichier est du XML, pas un tableau. {ACCEPTED_FORMATS_HINT}")


def unsupported_archive(names: set[str]) -> UnreadableFile:
    """Return the error for a zip archive that is no workbook. `names`: of its members, in lower case."""
    if "encrypted-package" in names:
        return encrypted()
    if "[content_types].xml" in names and not names & {"word/document.xml", "ppt/presentation.xml"}:
        return damaged()
    code, sentence = "not_a_spreadsheet", f"Ce fichier n'est pas un tableau. {ACCEPTED_FORMATS_HINT}"
    if "index.zip" in names or any(name.startswith("index/") and name.endswith(".iwa") for name in names):
        code = "not_supported"
        sentence = (
            "Les classeurs Numbers ne sont pas lus. Dans Numbers, choisissez « Fichier », « Exporter vers » puis "
            "« Excel », et déposez ce fichier-là."
        )
    elif names & {"word/document.xml", "ppt/presentation.xml", "content.xml"}:
        sentence = f"Ce fichier est un texte ou une présentation, pas un tableau. {ACCEPTED_FORMATS_HINT}"
    elif any(name.endswith(_SPREADSHEET_SUFFIXES) for name in names):
        code, sentence = "archive", _COMPRESSED
    return UnreadableFile(code, sentence)
