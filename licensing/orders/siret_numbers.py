"""SIRET and SIREN numbers: normalise, check and format them, and find a head office's. Pure."""

from stdnum import luhn
from stdnum.exceptions import InvalidChecksum, ValidationError
from stdnum.fr import siren as siren_number
from stdnum.fr import siret as siret_number

from core import formatting

LENGTH = 14
SIREN_LENGTH = 9
#: The first establishment of a body is its head office.
_HEAD_OFFICE = "0001"


def normalise(text: str) -> str:
    """Normalise a SIRET or a SIREN: remove spaces, points and hyphens."""
    return "".join(text.split()).replace(".", "").replace("-", "")


def format_with_spaces(siret: str) -> str:
    """Format a SIRET as « 213 001 894 00015 », a SIREN as « 213 001 894 », with no-break spaces."""
    return f"{siret[:3]} {siret[3:6]} {siret[6:9]} {siret[9:]}".rstrip().replace(" ", formatting.NO_BREAK_SPACE)


def get_error(siret: str) -> str:
    """Return why a SIRET is invalid, in a sentence; empty if it is valid."""
    try:
        siret_number.validate(siret)
    except InvalidChecksum:
        return "Ce SIRET comporte une faute de frappe : ses chiffres ne se vérifient pas. Recopiez-le."
    except ValidationError:
        return f"Un SIRET compte {LENGTH} chiffres, sans lettre."
    return ""


def get_siren_error(siren: str) -> str:
    """Return why a SIREN is invalid, in a sentence; empty if it is valid."""
    try:
        siren_number.validate(siren)
    except InvalidChecksum:
        return "Ce SIREN comporte une faute de frappe : ses chiffres ne se vérifient pas. Recopiez-le."
    except ValidationError:
        return f"Un SIREN compte {SIREN_LENGTH} chiffres, sans lettre : les neuf premiers du SIRET."
    return ""


def get_head_office(siret: str) -> str:
    """Return the SIRET of a body's head office, from its SIREN or the SIRET of any of its establishments."""
    prefix = siret[:SIREN_LENGTH] + _HEAD_OFFICE
    return prefix + str(luhn.calc_check_digit(prefix))
