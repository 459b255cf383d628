"""What a cell, a title or a remark says of taking part. Pure.

A text that is not understood here is « other »: whoever reads it is asked. The words that refuse or doubt only fill in
the likely answer, and untick the rows of free remarks.
"""

import re
import unicodedata
from enum import StrEnum
from functools import lru_cache

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


#: Answers that speak against giving, whatever the column; those that give; those that tick, unless crosses stand beside
#: check marks.
AGAINST = frozenset({CellAnswer.NO, CellAnswer.REFUSAL, CellAnswer.DOUBT})
AGREEING = frozenset({CellAnswer.YES, CellAnswer.CHECK, CellAnswer.AGREED})
TICKS = frozenset({CellAnswer.YES, CellAnswer.CHECK, CellAnswer.CROSS})

_WORDS = (
    dict.fromkeys(("oui", "o", "ok", "1", "vrai", "true", "yes", "y"), CellAnswer.YES)
    | dict.fromkeys(("non", "n", "no", "ko", "0", "faux", "false"), CellAnswer.NO)
    | dict.fromkeys(("x", "xx", "xxx"), CellAnswer.CROSS)
    | {"v": CellAnswer.CHECK}
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
_OUTSIDE = re.compile(r"\bhors\b")
#: « Retenue (oui/non) » is no denial.
_BOTH_ANSWERS = re.compile(r"\b(oui (ou )?non|non (ou )?oui)\b")
_YES_START = re.compile(r"(oui|ok|d accord)\b")
_AGREED_START = re.compile(
    r"((avis )?(tres )?(favorable|positif)|(accord|accept|valid|confirm|interess|engag|selectionn|sign)e(e|es|s)?"
    r"|accord|attribuee?s?|retenue?s?|inscrite?s?|participe|participante?s?|volontaires?|adherente?s?|beneficiaires?)\b"
)
#: What makes of a category its contrary; « non livré » beside « livré » does not say which is to be given.
CONTRARY_PREFIXES = ("in", "im", "ir", "il", "de", "non-", "no-", "pas-")
#: Titles of remarks.
_REMARKS = re.compile(r"observ|\bobs\b|remarq|\brem|comment|note|precision|info|suivi|divers")
#: The same of titles, and of names of sheets and of groups.
_SET_APART = re.compile(r"\b((en|d) attente|remplac\w*|sorti(e|es|s)?|date de fin)\b")
#: The category of dates, whatever they are: beside empty cells they say whether a thing was done.
DATE = "date"
_DATE = re.compile(r"((le )?\d{1,2} \d{1,2} (20)?\d\d|20\d\d \d{1,2} \d{1,2})( \d{1,2} \d{2}( \d{2})?)?")
#: Marks that change what a word says.
_SYMBOLS = "?!*+"


def refuses_below(title: str) -> bool:
    """Whether what stands under a title, on a sheet or in a group of this name is refused."""
    return any(words.search(fold(title)) for words in (_REFUSAL, _SET_APART))


def speaks_against(title: str) -> bool:
    """Whether « oui » or a cross below a title is a no: « Ne pas livrer », « Suspendu », « Hors périmètre »."""
    folded = _BOTH_ANSWERS.sub(" ", fold(title))
    return any(words.search(folded) for words in (_REFUSAL, _SET_APART, _DOUBT, _NEGATED, _OUTSIDE))


def is_title_of_remarks(title: str) -> bool:
    """Whether a title announces remarks, beside which an empty cell says nothing."""
    return _REMARKS.search(fold(title)) is not None


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
    if _DATE.fullmatch(folded):
        return DATE
    symbols = [char for char in text if char in _SYMBOLS or unicodedata.category(char)[0] == "S"]
    if not folded and not symbols:
        symbols = [char for char in text if not char.isspace()]
    return "-".join([*folded.split(), *(f"u{ord(char):x}" for char in symbols)])


_SPEAKING = frozenset({CellAnswer.REFUSAL, CellAnswer.DOUBT, CellAnswer.YES, CellAnswer.AGREED})


def speaks_of_giving(text: str) -> bool:
    """Whether a text answers in words, as no flag and no name does: « d'accord », « non prioritaire », « fermé »."""
    answer = read_answer(text)
    return fold(text) not in _WORDS and (answer in _SPEAKING or (answer is CellAnswer.NO and text[0].islower()))
