"""Types of a cell, and one cell read as text, a number, an e-mail address or a telephone number. Pure."""

import datetime
import re
from functools import lru_cache

from core.contact_details import is_ordinary_address
from imports.formats import limits
from imports.formats.sheet_types import CellValue
from imports.problems import Problem, warning


class CellType:
    """Types of a cell, as bits: a cell may have several. Plain integers, as `enum.Flag` took most of the time."""

    UAI = 1
    #: An invalid UAI: a zero or the letter lost, or a wrong letter.
    DAMAGED_UAI = 1 << 1
    #: A damaged UAI of digits only: many other numbers have that form.
    BARE_UAI = 1 << 2
    EMAIL = 1 << 3
    PHONE = 1 << 4
    POSTAL_CODE = 1 << 5
    #: Ends with a zero, as most postal codes and few INSEE codes do.
    ROUND = 1 << 6
    #: « 30000 Nîmes »: postal code and commune in one cell.
    POSTAL_TOWN = 1 << 7
    DEPARTEMENT = 1 << 8
    QUANTITY = 1 << 9
    YEAR = 1 << 10
    #: A kind of school alone; a kind or a school word with a name.
    KIND = 1 << 11
    SCHOOL = 1 << 12
    TEXT = 1 << 13
    COMMUNE = 1 << 14


# Excel stores thirty as 30, 30.0 or, in a text column, "30". float() would also accept "nan" and "1e400".
WHOLE_NUMBER = re.compile(r"([0-9]{1,6})([.,]0+)?")
#: The sum of several columns as `stacked_tables` writes it: « 2 + 3 + 1 = 6 ». « 2 + 3 » alone may mean other things.
_SUM = re.compile(r"([0-9]{1,6}(?: \+ [0-9]{1,6})+) = ([0-9]{1,6})")
#: Units after a number: « 30 classes », « 12 lic. ».
_UNIT = re.compile(
    r"\s*\(?(?:licences?|licenses?|lic|classes?|cl|clés?|cles?|abonnements?|abo|unités?|u)\.?\)?\s*$", re.IGNORECASE
)
#: Thousands separators in French: a space, a narrow space or a no-break space.
_THOUSANDS = re.compile(r"(?<=[0-9])[ \u00a0\u202f\u2009](?=[0-9]{3}(?:[^0-9]|$))")
_AMBIGUOUS_NUMBER = re.compile(r"[0-9]{1,3}([.,][0-9]{3})+")
_ERRORS = re.compile(
    r"#(N/A|REF|VALUE|VALEUR|NAME|NOM|DIV/0|NULL|NUL|NUM|NOMBRE|CALC|SPILL|N/D|ERREUR)[!?]?", re.IGNORECASE
)
_MAX_DIGITS = 6


def is_excel_error(cell: CellValue) -> bool:
    """Whether a cell holds a spreadsheet error: « #N/A », « #REF! »."""
    return isinstance(cell, str) and cell.startswith("#") and _ERRORS.fullmatch(cell.strip()) is not None


def parse_quantity(cell: CellValue, what: str = "licences") -> int | Problem:
    """Return the integer in a cell, from 0. `what`: « licences » or « classes », for the message."""
    if type(cell) is int and 0 <= cell < 10**_MAX_DIGITS:
        return cell
    number = (
        None
        if isinstance(cell, bool | datetime.date | datetime.time | datetime.timedelta)
        else _parse_number(str(cell))
    )
    if number is not None:
        return number
    if not str(cell).strip():
        return Problem("units", "units_missing", f"Le nombre de {what} manque.")
    return Problem("units", "units_invalid", f"{_describe_wrong_number(cell)} Indiquez un nombre entier de {what}.")


def parse_class_count(cell: CellValue) -> int | Problem | None:
    """Return the number of classes in a cell, None where it is empty."""
    number = parse_quantity(cell, "classes")
    if isinstance(number, int):
        return number
    if number.code == "units_missing":
        return None
    return warning("classes", "classes_invalid", number.message)


def is_quantity(text: str) -> bool:
    """Whether a text is a non-negative integer."""
    return _parse_number(text) is not None


@lru_cache(maxsize=8192)
def _parse_number(raw: str) -> int | None:
    text = raw.strip()
    if not text[:1].isascii():
        return None
    match = WHOLE_NUMBER.fullmatch(text)
    if match is None:
        text = _UNIT.sub("", text)
        match = WHOLE_NUMBER.fullmatch(text) or WHOLE_NUMBER.fullmatch(_THOUSANDS.sub("", text))
        if match is None and (addition := _SUM.fullmatch(text)):
            total = int(addition[2])
            return total if sum(map(int, addition[1].split(" + "))) == total else None
    # « 1.000 » may be one or a thousand: the member must decide.
    return int(match[1]) if match is not None and not _AMBIGUOUS_NUMBER.fullmatch(text) else None


def _describe_wrong_number(cell: CellValue) -> str:
    """Return the French sentence about a cell that is no integer."""
    if isinstance(cell, bool):
        return f"« {'VRAI' if cell else 'FAUX'} » n'est pas un nombre."
    if isinstance(cell, datetime.date):
        return f"Cette case contient une date ({cell:%d/%m/%Y}) : le tableur a sans doute pris un nombre pour une date."
    text = str(cell).strip()
    shown = f"« {text[:40]} »"
    if is_excel_error(cell):
        error = f"Cette case contient l'erreur {shown} de votre tableur."
    elif _AMBIGUOUS_NUMBER.fullmatch(text):
        error = f"{shown} peut se lire de deux façons : écrivez le nombre sans point ni virgule."
    elif re.fullmatch(r"[-−–]\s*[0-9]+([.,][0-9]+)?", text):
        error = f"{shown} est un nombre négatif."
    elif re.fullmatch(r"[0-9]+[.,][0-9]+", text):
        error = f"{shown} n'est pas un nombre entier."
    elif re.fullmatch(r"[0-9]{7,}([.,]0+)?|[0-9.]+e\+?[0-9]+", text, re.IGNORECASE):
        error = f"{shown} est un nombre démesuré."
    elif len(re.findall(r"[0-9]+", text)) > 1:
        error = f"{shown} contient plusieurs nombres."
    else:
        error = f"{shown} n'est pas un nombre."
    return error


_SPACES = re.compile(r"\s+")


def cell_to_text(cell: CellValue) -> str:
    """Return a cell as text: integers without « .0 », dates in French form, whitespace collapsed."""
    if isinstance(cell, str):
        text = cell
        # Most cells are clean; this test is ten times cheaper than the substitution below.
        if len(text) <= limits.MAX_CELL_LENGTH and text.isprintable() and "  " not in text:
            return text.strip()
    elif isinstance(cell, bool):
        text = "VRAI" if cell else "FAUX"
    elif isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:  # noqa: PLR2004 - exact up to there
        text = str(int(cell))
    elif isinstance(cell, datetime.datetime | datetime.date):
        text = f"{cell:%d/%m/%Y}"
    else:
        text = str(cell)
    if len(text) > limits.MAX_CELL_LENGTH:
        text = text[: limits.MAX_CELL_LENGTH] + "…"
    return _SPACES.sub(" ", text.replace("\0", "")).strip()


_ADDRESS = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}",
    re.IGNORECASE,
)
_DISPLAY_NAME = re.compile(r"[^<>]*<\s*([^<>]+?)\s*>")
_PREFIX = re.compile(r"mailto\s*:", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\s,;/|]+(?:et\s+|ou\s+)?")
_BETWEEN_ADDRESSES = re.compile(r"[\s,;/|<>]+")
MAX_ADDRESS_LENGTH = 254
MAX_LOCAL_PART_LENGTH = 64
#: Characters of a wrong address, and addresses of a cell, that a sentence shows.
MAX_SHOWN_LENGTH, MAX_NAMED = 80, 4


def parse_email(cell: CellValue) -> str | Problem:
    """Return the address in a cell, "" where it is empty."""
    text = cell_to_text(cell)
    if not text or is_email_address(text):
        return text
    parts = _split(text)
    if not parts:
        return ""
    wrong = next((part for part in parts if not is_email_address(part)), None)
    if wrong is not None:
        shown = wrong if len(parts) > 1 else text
        shown = shown if len(shown) <= MAX_SHOWN_LENGTH else f"{shown[:MAX_SHOWN_LENGTH]}…"
        message = f"« {shown} » n'est pas une adresse e-mail : {_describe_error(cell, wrong)}"
        return Problem("email", "email_invalid", message)
    if len({part.lower() for part in parts}) == 1:
        return parts[0]
    shown = ", ".join(parts[:MAX_NAMED]) + (", …" if len(parts) > MAX_NAMED else "")
    return Problem("email", "multiple_emails", f"Cette case contient plusieurs adresses ({shown}) : gardez-en une.")


def find_addresses(text: str) -> list[str]:
    """Return the distinct valid addresses in the text of a cell, in order."""
    return list(dict.fromkeys(part for part in _BETWEEN_ADDRESSES.split(text) if is_email_address(part)))


def _split(text: str) -> list[str]:
    """Return the addresses of a text, valid or not, without names and brackets around them."""
    parts = [_strip_address(part) for part in re.split(r"[;,]", text) if part.strip()]
    if text.count("@") > 1 and not all(map(is_email_address, parts)):
        # « a@b.fr, c@d.fr / e@f.fr », « a@b.fr et c@d.fr ».
        parts = [_strip_address(part) for part in _SEPARATORS.split(text) if "@" in part]
    return parts


def is_email_address(text: str) -> bool:
    """Whether a text is a valid e-mail address."""
    return is_ordinary_address(text) or (
        len(text) <= MAX_ADDRESS_LENGTH
        and _ADDRESS.fullmatch(text) is not None
        and text.index("@") <= MAX_LOCAL_PART_LENGTH
    )


def _strip_address(text: str) -> str:
    match = _DISPLAY_NAME.fullmatch(text.strip())
    return _PREFIX.sub("", match[1] if match else text).strip(" ;,.\u00a0<>\"'")


def _describe_error(cell: CellValue, text: str) -> str:
    local, at, domain = text.rpartition("@")
    if is_excel_error(cell):
        error = "c'est une erreur de votre tableur."
    elif not at:
        error = "il y manque le signe @."
    elif "@" in local:
        error = "elle contient plusieurs signes @."
    elif any(character.isspace() for character in text):
        error = "elle contient une espace."
    elif not text.isascii():
        invalid = next(character for character in text if not character.isascii())
        error = f"le caractère « {invalid} » n'y est pas permis."
    elif ".." in text or local.endswith(".") or local.startswith("."):
        error = "un point y est mal placé."
    elif not local:
        error = "il y manque ce qui précède le signe @."
    elif "." not in domain:
        error = "il manque la fin de son domaine (.fr, .org…)."
    elif len(text) > MAX_ADDRESS_LENGTH or len(local) > MAX_LOCAL_PART_LENGTH:
        error = "elle est trop longue."
    else:
        error = "un caractère n'y est pas permis."
    return error


#: Characters of the database column.
MAX_LENGTH = 30
_INTERNATIONAL = re.compile(r"(?:\+|00)33(?:0|\(0\))?")
_PHONE_SEPARATORS = re.compile(r"[\s.\-_]+")
_SEVERAL = re.compile(r"\s*(?:[/;,|]|\bou\b|\bet\b|\n)\s*")


def normalize_phone(cell: CellValue) -> str:
    """Return the telephone numbers of a cell in French form; any other text unchanged."""
    text = cell_to_text(cell)
    if not text or (len(text) == 14 and text[2::3] == "    " and text.replace(" ", "").isdecimal()):  # noqa: PLR2004
        return text
    if text.isdecimal() and text.isascii():
        return _format_number(text) or text[:MAX_LENGTH]
    parts = [part for part in _SEVERAL.split(text) if part]
    formatted = (
        ", ".join(dict.fromkeys(_format_number(part) or part for part in parts))
        if all(map(_format_number, parts))
        else ""
    )
    if formatted:
        return formatted if len(formatted) <= MAX_LENGTH else formatted.split(", ")[0]
    return _format_number(text) or text[:MAX_LENGTH]


def _format_number(text: str) -> str:
    """Format a number as « 04 66 12 34 56 », "" where it is no French number."""
    digits = text
    if not digits.isdecimal() or digits.startswith("00"):
        digits = _INTERNATIONAL.sub("0", _PHONE_SEPARATORS.sub("", text.replace("(0)", "").replace("/", "")), count=1)
    # Numeric cells lose the leading zero.
    if len(digits) == 9 and digits.isdecimal() and digits[0] != "0":  # noqa: PLR2004 - French numbers have ten digits
        digits = f"0{digits}"
    if len(digits) != 10 or not (digits.isascii() and digits.isdecimal()) or digits[0] != "0":  # noqa: PLR2004
        return ""
    return f"{digits[:2]} {digits[2:4]} {digits[4:6]} {digits[6:8]} {digits[8:]}"
