"""What a cell, a title or a remark says of taking part; which of them describe a school and say nothing of it. Pure.

A word that stands nowhere here is no answer that was understood: whoever reads it is asked. The words that refuse or
doubt only fill in the likely answer, and untick the rows of free remarks.
"""

import re
import unicodedata
from enum import StrEnum
from functools import lru_cache

from imports.cells import CellType
from imports.parsing.cell_classification import classify_cell, match_commune
from imports.parsing.column_titles import is_level
from imports.title_patterns import ALIASES, COUNTED_WORDS, DESCRIBING_WORDS, GENERIC_WORDS, STOP_WORDS
from schools.folding import fold


class CellAnswer(StrEnum):
    """The kinds of answers."""

    YES = "yes"
    CHECK = "check"
    CROSS = "cross"
    AGREED = "agreed"
    NO = "no"
    REFUSAL = "refusal"
    DOUBT = "doubt"
    BLANK = "blank"
    NUMBER = "number"
    OTHER = "other"


#: Answers that speak against giving, whatever the column; and those that tick, unless crosses stand beside check marks.
AGAINST = frozenset({CellAnswer.NO, CellAnswer.REFUSAL, CellAnswer.DOUBT})
TICKS = frozenset({CellAnswer.YES, CellAnswer.CHECK, CellAnswer.CROSS})

_WORDS = (
    dict.fromkeys(("oui", "o", "ok", "1", "vrai", "true", "yes", "y"), CellAnswer.YES)
    | dict.fromkeys(("non", "n", "no", "ko", "0", "faux", "false"), CellAnswer.NO)
    | dict.fromkeys(("x", "xx", "xxx"), CellAnswer.CROSS)
)
_MARKS = (
    dict.fromkeys("×✕✖✗✘☒❌", CellAnswer.CROSS)
    | dict.fromkeys("✓✔☑✅", CellAnswer.CHECK)
    | dict.fromkeys("☐□◻⬜–—-", CellAnswer.NO)
)
_REFUSAL = re.compile(
    r"\b(refus(e|ee|es|ees|ant|ent)?|rejet(e|ee|es|ees)?|annul\w*|declin(e|ee|es|ees|ent)|desist\w*|abandon\w*"
    r"|exclu(e|s|es)?|ecarte(e|s|es)?|renonc\w*|(avis )?defavorable\w*|sans suite"
    r"|ferm(e|ee|ees)|fermetures?|resili\w*|doublons?"
    r"|(ne )?(particip|souhait|veul|veut|desir|benefici|adher)\w* (pas|plus)( y| de| en)?( particip\w*| benefici\w*)?"
    r"|(non|pas|ni) (retenu|accord|valid|particip|interess|volontaire|concern|eligible|inscrit|servi|signe)\w*"
    r"|ne (pas|plus) (prendre|tenir|compter|doter|livrer|equiper|commander|attribuer|inclure|importer|servir|donner)\w*"
    r"|(a )?(supprim|retir|enlev|exclur|ignor)\w*|hors (dispositif|dotation|projet|perimetre))\b"
)
_DOUBT = re.compile(
    r"\b(reserves?|conditions?|attente|peut etre|eventuel\w*|provisoire\w*|incertain\w*|indecis\w*|hesit\w*|nsp"
    r"|doute\w*|sais? pas|pas encore|revoir|a voir|relanc\w*|report(e|ee|es|ees)|complementaires?|suspen\w*"
    r"|gele(e|s|es)?"
    r"|(a|reste a|restent a) (confirmer|verifier|valider|preciser|definir|etudier|rappeler|recontacter|completer)"
    r"|(sans|pas de) (reponse|retour|nouvelles?)|en cours|deja|prochaine?|plus tard|mais)\b"
)
_NEGATED = re.compile(r"\b(ne|non|pas|jamais|aucune?|sans)\b")
_YES_START = re.compile(r"(oui|ok|d accord)\b")
_AGREED_START = re.compile(
    r"((avis )?(tres )?(favorable|positif)|(accord|accept|valid|confirm|interess|engag|selectionn|sign)e(e|es|s)?"
    r"|retenue?s?|inscrite?s?|participe|participante?s?|volontaires?|adherente?s?|beneficiaires?)\b"
)
#: Titles, and names of sheets and of groups, under which a row is refused.
_NEGATIVE = re.compile(
    r"\b(ne (participe(nt)?|souhaite(nt)?|veut|veulent) pas|refus\w*|rejet\w*|annul\w*|exclu\w*|desist\w*|abandon\w*"
    r"|defavorable\w*|ecarte\w*|renonce\w*|non (participant|retenu|accorde|valide|interesse|volontaire|servi)\w*"
    r"|(en|d) attente)\b"
)
#: Marks that change what a word says.
_SYMBOLS = "?!*+"


def refuses_below(title: str) -> bool:
    """Whether what stands under a title, on a sheet or in a group of this name is refused."""
    return _NEGATIVE.search(fold(title)) is not None


def is_refusal(text: str) -> bool:
    """Whether a whole cell refuses, whatever its column is about."""
    return _REFUSAL.fullmatch(fold(text)) is not None


#: In the order in which they are looked for: « oui, sous réserve » is a doubt.
_PHRASES = (
    (_REFUSAL.search, CellAnswer.REFUSAL),
    (_DOUBT.search, CellAnswer.DOUBT),
    (_NEGATED.search, CellAnswer.NO),
    (_YES_START.match, CellAnswer.YES),
    (_AGREED_START.match, CellAnswer.AGREED),
)


@lru_cache(maxsize=8192)
def read_answer(text: str) -> CellAnswer:
    """Return what a text answers."""
    folded = fold(text)
    mark = _MARKS.get(text[:1])
    if not text or (mark is not None and (mark is not CellAnswer.NO or not folded)):
        return mark or CellAnswer.BLANK
    if "?" in text:
        return CellAnswer.DOUBT
    if folded in _WORDS:
        return _WORDS[folded]
    if folded.replace(" ", "").isdecimal():
        return CellAnswer.NUMBER
    return next((answer for search, answer in _PHRASES if search(folded)), CellAnswer.OTHER)


@lru_cache(maxsize=8192)
def get_category(text: str) -> str:
    """Return the same text for cells that say the same: « en-attente » for « En attente »; "" for an empty cell.

    Marks are named by their code: « u2713 » for « ✓ ».
    """
    folded = fold(text)
    symbols = [char for char in text if char in _SYMBOLS or unicodedata.category(char)[0] == "S"]
    if not folded and not symbols:
        symbols = [char for char in text if not char.isspace()]
    return "-".join([*folded.split(), *(f"u{ord(char):x}" for char in symbols)])


#: What official lists say of schools under « etat ».
DIRECTORY_STATES = frozenset({"ouvert", "a-ouvrir", "a-fermer"})
#: Subjects of consents and services, whatever else the title says.
_OTHER_SUBJECT = re.compile(r"\b(rgpd|donnees|images?|photos?|newsletter|cantine|restauration|rep|ulis|segpa|fibre)\b")


@lru_cache(maxsize=4096)
def is_harmless_title(title: str) -> bool:
    """Whether a title is known to describe a school, or to be about another subject than taking part."""
    folded = fold(title)
    if _OTHER_SUBJECT.search(folded) or is_level(title):
        return True
    words = _list_words(folded)
    return bool(words - GENERIC_WORDS) and words <= DESCRIBING_WORDS | GENERIC_WORDS


@lru_cache(maxsize=4096)
def counts_something(title: str) -> bool:
    """Whether a title says that the numbers below it count something, or says nothing of them."""
    folded = fold(title)
    return not title or bool(_list_words(folded) & COUNTED_WORDS) or folded.startswith("dont ") or is_level(title)


def _list_words(folded: str) -> frozenset[str]:
    """Return the canonical words of a title, in the singular, without those that say nothing by themselves."""
    words = []
    for word in folded.split():
        plain = ALIASES.get(word) or ALIASES.get(word.rstrip("s")) or word
        forms = (
            plain,
            plain.removesuffix("s"),
            plain.removesuffix("es"),
            plain.removesuffix("e"),
            plain.removesuffix("le"),
        )
        known = next((form for form in forms if form in DESCRIBING_WORDS | GENERIC_WORDS), plain)
        if word not in STOP_WORDS and not (word.isdecimal() and len(word) == 1):
            words.append(known)
    return frozenset(words)


_DESCRIPTIVE = re.compile(
    r"(secteur )?(public|privee?|publique)( sous contrat.*| hors contrat.*)?|sans objet"
    r"|((sous|hors) )?contrat( .*)?|(hors )?r?ep"
    r"|(m|mme|mlle|mr|monsieur|madame|dr)( [a-z0-9]+){0,3}|(zone|secteur|circonscription|canton) .*|(https?|www) .*"
    r"|(du|le|depuis le|jusqu au) \d{1,2} \d{1,2}( \d{2,4})?"
    r"|\d{1,2} \d{1,2} \d{2,4}( \d{1,2} \d{2}.*)?|\d{4} \d{1,2} \d{1,2}( \d{1,2} \d{2}.*)?"
    r"|\d{1,4}( bis| ter)? (rue|avenue|av|bd|boulevard|place|chemin|route|allee|impasse|quai|cours) .*"
    r"|(rue|avenue|boulevard|place|chemin|route|allee|impasse|bp|cs|lieu dit) .*"
)
_DESCRIPTIVE_TYPES = (
    CellType.UAI | CellType.DAMAGED_UAI | CellType.EMAIL | CellType.PHONE | CellType.POSTAL_CODE | CellType.POSTAL_TOWN
    | CellType.DEPARTEMENT | CellType.KIND | CellType.SCHOOL
)  # fmt: skip
#: Digits of a code or a measure: no answer has as many, but for years.
_MIN_CODE_DIGITS = 3
_YEAR = re.compile(r"20\d\d( ?[-/–] ?(20)?\d\d)?")
#: Communes of these names are rarer than lists with lights.
_LIGHTS = frozenset({"vert", "orange", "rouge"})


def is_year(text: str) -> bool:
    """Whether a text is a year, or two of a school year."""
    return _YEAR.fullmatch(text) is not None


def is_descriptive(text: str, communes: frozenset[str]) -> bool:
    """Whether a text describes a school, its place or its contact. `communes`: folded names of known communes."""
    folded = fold(text)
    if (read_answer(text) in AGAINST and folded != "sans objet") or is_year(text) or folded in _LIGHTS:
        return False
    if sum(map(str.isdecimal, text)) >= _MIN_CODE_DIGITS and (" " not in text or not any(map(str.isalpha, text))):
        return True
    return bool(
        classify_cell(text) & _DESCRIPTIVE_TYPES
        or _DESCRIPTIVE.fullmatch(folded)
        or is_level(text)
        or match_commune(text, communes)
    )


_SPEAKING = frozenset({CellAnswer.REFUSAL, CellAnswer.DOUBT, CellAnswer.YES, CellAnswer.AGREED})


def speaks_of_giving(text: str) -> bool:
    """Whether a text answers in words, as no flag and no name does: « d'accord », « en attente », « fermé »."""
    return fold(text) not in _WORDS and read_answer(text) in _SPEAKING
