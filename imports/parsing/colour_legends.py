"""Find the legends of colours, and read what they say: « En rouge : ne participe pas ». Pure.

Only a few ways to write it are understood. A text that says two things about a colour, or waits for an answer, is
unclear: it is shown to the member, and applied to no row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from schools.folding import fold

#: Longer texts are letters.
MAX_LEGEND_LENGTH = 300
#: A label beside a coloured cell is shorter.
MAX_LABEL_LENGTH = 60


class LegendVerdict(Enum):
    """What a legend says of the rows in a colour."""

    REFUSED = "refused"
    ACCEPTED = "accepted"
    UNCLEAR = "unclear"
    #: Nothing about who takes part: « en bleu : écoles nouvelles ».
    NEUTRAL = "neutral"


class ColourLayer(Enum):
    """Where a colour is."""

    FILL = "fill"
    FONT = "font"
    ANY = "any"


class ColourStatement(NamedTuple):
    """What a text says of one colour: its French name, "" for one that has none here."""

    colour: str
    layer: ColourLayer
    verdict: LegendVerdict


#: The words for each colour, by the name that `colour_names` gives.
_WORDS = {
    "rouge": "rouges?",
    "orange": "oranges?|orangee?s?",
    "jaune": "jaunes?",
    "vert": "vert(?:e|es|s)?",
    "bleu": "bleu(?:e|es|s)?",
    "violet": "violet(?:te|tes|s)?|mauves?",
    "rose": "roses?|fuchsia",
    "gris": "gris(?:e|es|ee|ees)?",
    "": "couleurs?|surlign\\w*|colore(?:e|es|s)?|coloriee?s?|marrons?|beiges?|turquoises?|bordeaux|noirs?",
}
_NAMED = "|".join(words for name, words in _WORDS.items() if name)
_SHADE = r"(?: (?:clair|fonce|pale|vif|fluo|brique)e?s?)?"
_FILL_LEAD = r"fonds?|surlign\w*|colori\w*|color\w*|cases?|cellules?|trames?|remplissage"
_FONT_LEAD = r"textes?|polices?|ecrit\w*|caracteres?|lettres?"
_LEAD = rf"(?:{_FILL_LEAD}|{_FONT_LEAD}|lignes?|couleurs?|marqu\w*|en)"
_LINK = r"(?: (?:en|de|sur|un|le|la|les|sont|est|fond|couleur))*"
#: Colours that stand for the rows that have them. A bare one begins a part of the text: « rouge = refusé ».
_MENTION = re.compile(
    rf"\b(?P<lead>{_LEAD}{_LINK}) (?P<colour>{_NAMED}){_SHADE}\b"
    rf"|(?:^|(?<=[|] )|(?<=legende : )|(?<=legende ))(?P<bare>{_NAMED}){_SHADE}"
    r"(?= :| \|$| (?:refus|accord|non\b|ne )|$)"
    r"|\b(?P<other>surlign\w*|colore(?:e|es|s)?|coloriee?s?|en (?:couleurs?|marron|beige|turquoise|bordeaux|noir))\b"
)
_NAME_OF = {name: re.compile(words) for name, words in _WORDS.items()}
#: What a text must contain to be read at all.
_HINT = re.compile(r"roug|orang|jaun|vert|bleu|viol|mauv|rose|fuchs|gris|coul|color|surlign", re.IGNORECASE)
_LABEL_HINT = re.compile(
    r"refus|rejet|annul|d[ée]clin|sist|abandon|exclu|[ée]cart|renonc|favor|sans|pas|plus|non|supprim|retir|enlev|aucun|"
    r"ferm|ignor",
    re.IGNORECASE,
)

#: « ; », « | » in the normalised text part statements, « : » parts a colour from what is said of it.
_PUNCTUATION = re.compile(r"([;,\n/|•·)]|\.(?=\s|$)|[:=→(]|\s[–—-]+>?\s)")
_PARTING = frozenset(";,\n/|•·.)")
_REPEATED = re.compile(r"[|:](?: [|:])+")
_BLANK = re.compile(r"[\s|:]*(?:(?:ou|et|puis|en|les?|lignes?)\b[\s|:]*)*")

_PENDING = re.compile(
    r"\b((en|d) attente|a (confirmer|verifier|valider|relancer|revoir|voir)|sous reserve|incertain\w*|pas encore|"
    r"en cours|(pas|non|jamais|sans) (de )?(repon\w*|retour)|peut etre|doute\w*|non confirme\w*|"
    r"deja (equip|dote|servi|pourvu|attribu|livre)\w*)\b"
)
_REFUSED = re.compile(
    r"\b(refus(e|ee|es|ees|ant|ent)?|rejet(e|ee|es|ees)?|annul(e|ee|es|ees|ation|ations)|declin(e|ee|es|ees|ent)|"
    r"desist\w*|abandon\w*|exclu(e|s|es)?|ecarte(e|s|es)?|renonc\w*|defavorable\w*|sans suite|"
    r"(ne )?(particip|souhait|veul|veut|desir|benefici|adher)\w* (pas|plus)( y| de| en)?( particip\w*| benefici\w*)?|"
    r"(n est|ne sont|ne seront|n ont|n a|pas|non|ni) (pas |plus |ete )*(retenu|accord|valide|participa|participe\b|"
    r"interess|volontaire|concern|eligible|inscrit|accepte|beneficiaire|souhait|voulu|desir|ok\b)\w*"
    r"( particip\w*| benefici\w*)?|"
    r"(a )?ne (pas|plus) (prendre|tenir|compter|doter|livrer|equiper|commander|attribuer|inclure|importer|servir)\w*|"
    r"a (supprimer|retirer|enlever|exclure|annuler|ignorer|ecarter)|(supprime|retire|enleve)(e|s|es)?|"
    r"(aucune|0|pas de|sans) (licences?|dotation)|hors (dispositif|dotation|projet|perimetre)|"
    r"ferme(e|s|es)|fermetures?)\b"
)
_ACCEPTED = re.compile(
    r"\b(accord(e|ee|es|ees)?|accepte(e|s|es)?|retenu(e|s|es)?|valide(e|s|es)?|particip\w*|favorable\w*|volontaires?|"
    r"confirme(e|s|es)?|inscrit(e|s|es)?|interesse(e|s|es)?|a (equiper|doter|livrer|servir)|beneficiaires?|adher\w*)\b"
)
_EXCEPT = re.compile(r"\b(sauf|hormis|excepte|non refus\w*|pas refus\w*|sans refus|si)\b")
_NO, _YES = re.compile(r"(c est )?(non|no|ko|0)"), re.compile(r"(c est )?(oui|ok)")
#: Refused or accepted may be a part of a school, or what is to be filled in.
_OTHER_SUBJECT = re.compile(
    r"\b(classes?|postes?|eleves?|enseignants?|adresses?|mails?|courriels?|rgpd|colonnes?|champs?|formules?|factures?)\b"
)


def read_legend(text: str) -> list[ColourStatement]:
    """Return what a text says of colours, none where it is no legend."""
    if len(text) > MAX_LEGEND_LENGTH or not _HINT.search(text):
        return []
    normalised = _normalise(text)
    mentions = list(_MENTION.finditer(normalised))
    if not mentions:
        return []
    starts = [mention.end() for mention in mentions]
    ends = [*(mention.start() for mention in mentions[1:]), len(normalised)]
    before = normalised[: mentions[0].start()]
    after = [normalised[start:end] for start, end in zip(starts, ends, strict=True)]
    verdicts = _order_verdicts(before, after)
    return [_build_statement(mention, verdict) for mention, verdict in zip(mentions, verdicts, strict=True)]


def is_refusing_label(text: str) -> bool:
    """Whether a text without a colour's name refuses, as a label of a coloured cell: « Ne participe pas »."""
    if len(text) > MAX_LABEL_LENGTH or not _LABEL_HINT.search(text) or any(map(str.isdecimal, text)):
        return False
    return "total" not in text.lower() and judge(text) is LegendVerdict.REFUSED


def is_colour_alone(text: str) -> bool:
    """Whether a text is the name of a colour and nothing else: « Rouge », « en orange »."""
    return len(text) <= MAX_LABEL_LENGTH and re.fullmatch(rf"(?:en )?(?:{_NAMED}){_SHADE}", fold(text)) is not None


def judge(text: str) -> LegendVerdict:
    """Return what a text says of the schools that it is about."""
    folded = fold(text)
    if _PENDING.search(folded):
        return LegendVerdict.UNCLEAR
    rest, refusals = _REFUSED.subn(" ", folded)
    refuses, accepts = refusals > 0 or _NO.fullmatch(folded), _ACCEPTED.search(rest) or _YES.fullmatch(folded)
    if not refuses and not accepts:
        return LegendVerdict.NEUTRAL
    if (refuses and accepts) or _EXCEPT.search(folded) or (refuses and _OTHER_SUBJECT.search(folded)):
        return LegendVerdict.UNCLEAR
    return LegendVerdict.REFUSED if refuses else LegendVerdict.ACCEPTED


def _normalise(text: str) -> str:
    """Return a text folded, its punctuation as « | » where a statement may end and « : » where it may go on."""
    pieces = [
        fold(piece) if at % 2 == 0 else "|" if piece.strip(" \t") in _PARTING or piece == "\n" else ":"
        for at, piece in enumerate(_PUNCTUATION.split(text))
    ]
    normalised = " ".join(filter(None, pieces))
    return _REPEATED.sub(lambda found: "|" if "|" in found[0] else ":", normalised)


def _order_verdicts(before: str, after: Sequence[str]) -> list[LegendVerdict]:
    """Return the verdict on each colour: what follows it, or what precedes it where nothing follows the last."""
    first, last = judge(before), judge(after[-1])
    if first is LegendVerdict.NEUTRAL or (before.rstrip().endswith((":", "|")) and last is not LegendVerdict.NEUTRAL):
        verdicts: list[LegendVerdict] = []
        following = LegendVerdict.NEUTRAL
        for segment in reversed(after):
            # « En rouge ou en orange : refusé ».
            following = following if _BLANK.fullmatch(segment) else judge(segment)
            verdicts.insert(0, following)
        return verdicts
    if last is LegendVerdict.NEUTRAL:
        verdicts = [first]
        for segment in after[:-1]:
            verdicts.append(verdicts[-1] if _BLANK.fullmatch(segment) else judge(segment))
        return verdicts
    if len(after) == 1 and first is last:
        return [first]
    return [LegendVerdict.UNCLEAR for _ in after]


def _build_statement(mention: re.Match[str], verdict: LegendVerdict) -> ColourStatement:
    word = mention["colour"] or mention["bare"] or ""
    colour = next((name for name, words in _NAME_OF.items() if name and words.fullmatch(word)), "")
    lead = mention["lead"] or mention["other"] or ""
    if re.search(rf"\b(?:{_FONT_LEAD})\b", lead):
        return ColourStatement(colour, ColourLayer.FONT, verdict)
    is_filled = re.search(rf"\b(?:{_FILL_LEAD})\b", lead) is not None
    return ColourStatement(colour, ColourLayer.FILL if is_filled else ColourLayer.ANY, verdict)
