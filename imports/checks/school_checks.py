"""Checks of a row's school: match method, reasons for no match, eligibility."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from core import formatting
from imports.checks.context import CheckContext, CheckRequest, SchoolFacts
from imports.checks.school_resolution import ResolvedSchool
from imports.columns import Meaning
from imports.enums import Purpose, RowMatchMethod
from imports.problems import Problem, warning
from schools import uai
from schools.folding import fold
from schools.recognition import SURE
from schools.recognition.candidates import format_label
from schools.recognition.places import get_uai_departement, parse_place

#: Maximum number of rows listed in a sentence.
MAX_NAMED_ROWS = 5


def describe_place(location: tuple[int, int], current_sheet: int, sheets: Sequence[str]) -> str:
    """Return « ligne 5 », or « ligne 5 de la feuille « Alès » » if it is not on `current_sheet`."""
    sheet, number = location
    text = f"ligne{formatting.NO_BREAK_SPACE}{number}"
    return text if sheet == current_sheet or sheet >= len(sheets) else f"{text} de la feuille « {sheets[sheet]} »"


def describe_places(locations: Iterable[tuple[int, int]], count: int, current_sheet: int, sheets: Sequence[str]) -> str:
    """Return « ligne 5, ligne 7 et 12 autres » for `count` locations, of which only the first are listed."""
    text = [describe_place(one, current_sheet, sheets) for one in islice(locations, MAX_NAMED_ROWS)]
    left = count - len(text)
    if left > 0:
        text.append(f"{formatting.number(left)}{formatting.NO_BREAK_SPACE}autre{'s' if left > 1 else ''}")
    return text[0] if len(text) == 1 else f"{', '.join(text[:-1])} et {text[-1]}"


def describe_school(cells: Mapping[str, str]) -> str:
    """Return the school as named in the row, « « Jean Macé » à Nîmes »; "" if it is not named."""
    name = cells.get(Meaning.NAME, "") or cells.get(Meaning.ADDRESS, "")
    location = cells.get(Meaning.COMMUNE, "") or cells.get(Meaning.POSTAL_CODE, "")
    kind = cells.get(Meaning.KIND, "")
    text = f"« {name[:120]} »" if name else f"« {kind[:60]} »" if kind else ""
    if not location:
        return text
    return f"{text} à {location[:80]}" if text else f"une école à {location[:80]}"


def describe_departement(cells: Mapping[str, str]) -> str:
    """Return the département that the row names or its postal code implies: « 30 », « 2A », « 974 »; "" if none."""
    place = parse_place("", cells.get(Meaning.POSTAL_CODE, ""), cells.get(Meaning.DEPARTEMENT, ""))
    return place.departement.lstrip("0")


def format_percent(value: float) -> str:
    """Return 0.974 as « 97 % », rounded down so that only 1.0 gives 100 %."""
    return f"{int(value * 100)}{formatting.NO_BREAK_SPACE}%"


_REPORTED_METHODS = frozenset({RowMatchMethod.NAME.value, RowMatchMethod.REPAIRED.value})
#: Codes of the reasons for which no school is certain.
DOUBT_CODES = (
    "uai_missing",
    "uai_invalid",
    "multiple_uais",
    "uncertain_repair",
    "uai_of_another_school",
    "unconfirmed_uai",
    "unknown_school",
    "ambiguous_school",
    "no_match",
)


def describe_not_found(request: CheckRequest, context: CheckContext) -> Problem:
    """Return the blocking problem of a row without school, with the possible fixes."""
    found = request.school
    code = "unknown_school" if found.uai else found.doubt or "uai_missing"
    column = Meaning.NAME if code in ("ambiguous_school", "no_match") else Meaning.UAI
    return Problem(column.value, code, _sentence(code, request, context))


def _sentence(code: str, request: CheckRequest, context: CheckContext) -> str:  # noqa: PLR0911 - one return per code
    cells = request.row.cells
    written = cells.get(Meaning.UAI, "")
    named = describe_school(cells)
    read = request.school.uai or request.school.read
    known = context.schools.get(read)
    choose = "choisissez l'école parmi les propositions" if request.school.proposals else "indiquez le bon UAI"
    instead = "choisissez une école proposée, corrigez-le" if request.school.proposals else "corrigez-le"
    match code:
        case "unknown_school":
            return (
                f"L'UAI {read} est bien formé, mais l'annuaire ne le connaît pas : {instead}, ou gardez la ligne de "
                "côté jusqu'à ce que l'annuaire le connaisse."
            )
        case "uai_of_another_school":
            return _describe_another(request, context.schools.get(read), choose)
        case "unconfirmed_uai":
            whose = f", celui de « {known.label} »," if known else ""
            return (
                f"Les UAI de ce tableau semblent décalés, et rien dans cette ligne ne confirme {read}{whose} : {choose}"
                ", ou vérifiez le tri de vos colonnes et déposez le tableau de nouveau."
            )
        case "uncertain_repair":
            fault = uai.describe_error(written) or f"L'UAI « {written} » est incomplet."
            return f"{fault} Rien dans la ligne ne confirme lequel est le bon : {choose}."
        case "multiple_uais":
            several = uai.find_all(written)
            listed = f" ({', '.join(several)})" if several else ""
            return f"Cette case contient plusieurs UAI{listed} : gardez le bon, ou faites une ligne pour chacun."
        case "uai_invalid":
            fault = uai.describe_error(written) or f"« {written} » n'est pas un UAI."
            return f"{fault} Corrigez-le, ou {choose}."
        case "ambiguous_school":
            return _describe_ambiguous(request, named or "ce nom")
        case "no_match":
            return (
                f"Aucune école de l'annuaire ne répond à {named or 'ce nom'} : corrigez le nom ou la commune, ou "
                "indiquez l'UAI."
            )
    return "L'UAI manque, et rien dans la ligne ne permet de trouver l'école : indiquez l'UAI."


def _describe_another(request: CheckRequest, known: SchoolFacts | None, choose: str) -> str:
    """Return the sentence on a UAI whose school is not the one that the row describes."""
    cells = request.row.cells
    read = request.school.uai or request.school.read
    named = describe_school(cells)
    whose = f"de « {known.label} »" if known else "d'une autre école"
    says = f"la ligne dit {named}" if named else "la ligne en nomme une autre"
    given, own = describe_departement(cells), get_uai_departement(read).lstrip("0")
    if given and given != own:
        # Otherwise both may be the same name in the same commune.
        whose, says = f"{whose}, dans le département {own}", f"{says}, dans le département {given}"
    return f"L'UAI {read} est celui {whose}, et {says} : {choose}. Une colonne a peut-être été triée sans les autres."


def _describe_ambiguous(request: CheckRequest, named: str) -> str:
    """Return the sentence on a row that several schools answer, or one that need not be the one meant."""
    proposals = request.school.proposals
    if len(proposals) != 1:
        return _describe_several(request, named)
    cells = request.row.cells
    written = format_label(cells.get(Meaning.NAME, ""), cells.get(Meaning.COMMUNE, ""))
    if fold(proposals[0].label) == fold(written):
        return (
            f"Une école de l'annuaire s'appelle {named}, mais une autre commune de ce nom peut être la vôtre : "
            "choisissez-la si c'est elle, ou indiquez le département ou l'UAI."
        )
    return (
        f"Une seule école de l'annuaire ressemble à {named}, mais pas assez pour être sûre : choisissez-la si c'est "
        "elle, ou indiquez l'UAI."
    )


def _describe_several(request: CheckRequest, named: str) -> str:
    """Return the sentence on a row that several schools answer: those of its name, or those of a name close to it."""
    name = fold(request.row.cells.get(Meaning.NAME, ""))
    labels = [fold(proposal.label) for proposal in request.school.proposals]
    if name and labels and not any(name in label for label in labels):
        return (
            f"Aucune école de l'annuaire ne s'appelle {named}, mais plusieurs ont un nom proche : choisissez la bonne, "
            "ou indiquez l'UAI."
        )
    return f"Plusieurs écoles de l'annuaire répondent à {named} : choisissez la bonne."


def needs_note(found: ResolvedSchool) -> bool:
    """Return whether `describe_match` has something to say."""
    return found.match_method in _REPORTED_METHODS or (found.confidence or 0) <= SURE


def describe_match(request: CheckRequest, school: SchoolFacts) -> Iterator[Problem]:
    """Yield the note on a school that was matched by a repaired UAI or by name, or whose name is another's."""
    found = request.school
    sure = format_percent(found.confidence or 0)
    if found.match_method == RowMatchMethod.REPAIRED:
        yield warning(
            "uai",
            "repaired",
            f"UAI rétabli : « {request.row.cells.get(Meaning.UAI, '')[:80]} » est lu {found.uai}, "
            f"« {school.label} » (confiance {sure}).",
        )
    elif found.match_method == RowMatchMethod.NAME:
        written = request.row.cells.get(Meaning.UAI, "").strip()
        unread = f"« {written[:80]} » n'est pas un UAI. " if written else ""
        yield warning(
            "name",
            "matched_by_name",
            f"{unread}École trouvée par son nom et son lieu : {describe_school(request.row.cells)} est «"
            f" {school.label} », {found.uai} (confiance {sure}).",
        )
    elif found.match_method == RowMatchMethod.UAI and (found.confidence or 0) <= SURE:
        yield warning(
            "name",
            "named_differently",
            f"L'annuaire nomme l'école {found.uai} « {school.label} », et la ligne dit "
            f"{describe_school(request.row.cells)} : elle a peut-être changé de nom, vérifiez.",
        )


def check_school(request: CheckRequest, school: SchoolFacts, context: CheckContext) -> Iterator[Problem]:
    """Yield the problems of the school itself: closed, not elementary, outside the portfolio."""
    if school.closed:
        successor = context.successors.get(request.school.uai)
        instead = (
            f"« {successor.label} » ({successor.uai}) est ouverte au même endroit : choisissez-la si c'est elle."
            if successor
            else "indiquez celle qui l'a remplacée, ou mettez la ligne de côté."
        )
        joined = ". " if successor else " : "
        yield Problem("uai", "school_closed", f"« {school.label} » est fermée{joined}{instead}")
    if context.for_elementary and not school.elementary:
        yield warning(
            "uai",
            "no_elementary",
            f"« {school.label} » n'a pas de classe du CP au CM2 ; cochez la ligne si vous voulez lui donner des "
            "licences malgré tout.",
        )
    if context.purpose is Purpose.ALLOCATION and context.has_portfolio and school.portfolio is None:
        yield warning(
            "uai",
            "not_in_portfolio",
            "Cette école n'est pas dans votre périmètre : ajoutez-l'y, ou mettez la ligne de côté.",
        )
