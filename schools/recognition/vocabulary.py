"""Vocabulary of school names: words for level, sector and kind, with their abbreviations.

Data only, in the form of `schools.folding.fold`: « É.É.PU. » is looked up as `eepu`, « clg » as `clg`.
"""

from typing import Final

# Levels as bit flags: a primary school has both of the first two.
NURSERY: Final = 1
ELEMENTARY: Final = 2
COLLEGE: Final = 4
LYCEE: Final = 8
PRIMARY: Final = NURSERY | ELEMENTARY
SECONDARY: Final = COLLEGE | LYCEE

#: Words for a level.
LEVELS: Final = {
    **dict.fromkeys(("maternelle", "maternelles", "maternel", "matern", "mater", "mat"), NURSERY),
    **dict.fromkeys(("elementaire", "elementaires", "element", "elem", "ele", "elt", "ee"), ELEMENTARY),
    **dict.fromkeys(("primaire", "primaires", "prim"), PRIMARY),
    **dict.fromkeys(("college", "colleges", "clg", "colg", "coll"), COLLEGE),
    **dict.fromkeys(("lycee", "lycees", "lyc", "lgt", "legt", "lpo", "legta", "legtpa", "lpa", "lep"), LYCEE),
    # « École secondaire privée », « école 2d degré général privée ».
    **dict.fromkeys(("secondaire", "2d", "2nd"), SECONDARY),
}
#: Words for a level only at the beginning of a name: « col. Jean Moulin », but « rue du Col »; « EP Jules Ferry ».
LEVELS_AT_FIRST: Final = {
    **dict.fromkeys(("em", "ema"), NURSERY),
    **dict.fromkeys(("eea", "eel"), ELEMENTARY),
    **dict.fromkeys(("ep", "epa", "epe"), PRIMARY),
    **dict.fromkeys(("col", "ces", "ceg", "cg"), COLLEGE),
    **dict.fromkeys(("lp", "lg", "lt", "lppr", "lgtpr", "lpopr"), LYCEE),
}
_LETTERS_OF_LEVELS = LEVELS_AT_FIRST | {"e": 0, "ee": ELEMENTARY, "clg": COLLEGE, "lgt": LYCEE, "lpo": LYCEE}
_LETTERS_OF_SECTORS = {"pu": "public", "pub": "public", "publ": "public", "pr": "private", "priv": "private"}
#: Acronyms for level and sector: EEPU, EPPR; EPU has no level.
LEVELS_AND_SECTORS: Final = {
    letters + ending: (level, sector)
    for letters, level in _LETTERS_OF_LEVELS.items()
    for ending, sector in _LETTERS_OF_SECTORS.items()
}

#: A primary school of unspecified level.
SCHOOL_WORDS: Final = frozenset({"ecole", "ecoles", "ec", "ecl"})
#: Phrases, and the words that replace them.
_GROUPS = ("groupe", "groupes", "grpe", "gpe", "grp", "gr")
PHRASES: Final[dict[tuple[str, ...], str]] = {
    **{(group, scolaire): "ecole" for group in _GROUPS for scolaire in ("scolaire", "scolaires", "scol")},
    ("g", "scolaire"): "ecole",
    ("g", "scol"): "ecole",
    ("g", "s"): "ecole",
    ("gs",): "ecole",
    # « École élémentaire ou primaire » is either, and seldom a maternelle.
    ("elementaire", "ou", "primaire"): "ecole",
    ("primaire", "ou", "elementaire"): "ecole",
    ("elem", "ou", "prim"): "ecole",
    ("notre", "dame"): "notredame",
    ("n", "dame"): "notredame",
    ("n", "d"): "notredame",
    ("nd",): "notredame",
    ("j", "d", "arc"): "jeanne d arc",
    ("st", "ex"): "saint exupery",
    ("saint", "ex"): "saint exupery",
    ("second", "degre"): "secondaire",
    ("r", "p", "i"): "rpi",
    ("s", "e", "g", "p", "a"): "segpa",
    ("section", "d", "enseignement", "general", "et", "professionnel", "adapte"): "segpa",
    ("section", "enseignt", "gen", "et", "prof", "adapte"): "segpa",
    ("section", "enseignt", "professionnel"): "sep",
    ("section", "d", "enseignement", "professionnel"): "sep",
    ("s", "e", "p"): "sep",
}

SECTORS: Final = {
    **dict.fromkeys(("public", "publique", "publiques", "publics", "publ", "pub", "pu"), "public"),
    **dict.fromkeys(("prive", "privee", "privees", "prives", "priv", "catholique", "catho"), "private"),
}

#: Establishments attached to a school of the same name: « SEGPA du collège Jean Moulin ».
ATTACHED_ESTABLISHMENTS: Final = frozenset(
    """
    segpa sep cfa ufa cfppa cmpp camsp ime imp impro itep iem ies mecs sessad ssad seesad uem ulis greta erea
    annexe antenne circonscription inspection section organisme hopital hospitalier medico penitentiaire arret cio
    mfr rectorat dsden cned ueros ditep apprentissage apprentis
    """.split()  # noqa: SIM905 - more readable than a list of quoted words
)
#: Those of them that a column of types gives of a collège or lycée that has one: « Générale et SEGPA ».
SECTIONS: Final = frozenset({"segpa", "sep", "section", "ulis", "greta", "apprentissage", "apprentis"})
#: Those that the directory lists beside their collège or lycée.
SEPARATE_SECTIONS: Final = frozenset({"segpa", "sep"})
#: Tracks of a lycée, to distinguish neighbours of the same name.
TRACKS: Final = {
    **dict.fromkeys(("professionnel", "professionnelle", "profes", "pro", "prof", "lp", "lep", "lppr"), "p"),
    **dict.fromkeys(("general", "generale", "gen", "lg"), "g"),
    **dict.fromkeys(("technologique", "technol", "techno", "technique", "lt"), "t"),
    **dict.fromkeys(("agricole", "agric", "lpa"), "a"),
    **dict.fromkeys(("lgt", "legt", "lgtpr"), "gt"),
    **dict.fromkeys(("legta", "legtpa"), "gta"),
    **dict.fromkeys(("polyvalent", "lpo", "lpopr"), "gtp"),
}
#: After « école », words for a secondary school.
SECONDARY_AFTER_ECOLE: Final = frozenset(
    {"technique", "technologique", "technol", "agricole", "prof", "professionnelle"}
)

#: Words corrected when misspelt, with their maximum edit distance.
MISSPELT: Final = {
    "maternelle": 2, "elementaire": 2, "primaire": 2, "college": 1, "publique": 2, "privee": 1, "secondaire": 2,
    "professionnel": 2, "technologique": 2, "polyvalent": 2, "general": 1, "technique": 1,
}  # fmt: skip
#: The same, only at the beginning of a name.
MISSPELT_AT_FIRST: Final = {"ecole": 1, "lycee": 1}

#: Abbreviations and their expansions.
EXPANSIONS: Final = {
    "st": "saint", "ste": "sainte", "sts": "saints", "stes": "saintes",
    "gal": "general", "gral": "general", "gen": "general", "mal": "marechal", "mar": "marechal",
    "dr": "docteur", "doct": "docteur", "pdt": "president", "pres": "president", "prdt": "president",
    "cdt": "commandant", "cel": "colonel", "cne": "capitaine", "cap": "capitaine", "lt": "lieutenant",
    "mgr": "monseigneur", "prof": "professeur", "pr": "professeur", "fr": "frere",
    "ctre": "centre", "ctr": "centre", "cent": "centre", "fg": "faubourg", "fbg": "faubourg", "chat": "chateau",
    "chap": "chapelle", "pte": "porte", "bd": "boulevard", "av": "avenue", "inst": "institution", "vx": "vieux",
}  # fmt: skip

#: Stop words.
STOP_WORDS: Final = frozenset(
    """
    de du des d la le les l et a au aux en un une y sur sous chez degre second secondaire 2d 2nd 1er premier
    enseignement general technologique techno technique polyvalent polyvalente ensemble cite scolaire scolaires
    etablissement etab ets etabl mixte hors contrat municipale municipal
    """.split()  # noqa: SIM905
)
#: Weakly distinctive words: often omitted.
WEAK_WORDS: Final = frozenset(
    """
    saint sainte docteur marechal president commandant colonel capitaine professeur abbe monseigneur lieutenant
    centre bourg village quartier groupe communale commune intercommunale intercommunal application rpi rpid
    regroupement pedagogique institution institut cours ville mairie nouveau nouvelle site pole educatif
    """.split()  # noqa: SIM905
)
SAINT_WORDS: Final = frozenset({"saint", "sainte"})
#: First names, often omitted: « Jaurès » for « Jean Jaurès ».
FIRST_NAMES: Final = frozenset(
    """
    abel achille adrien aime albert alexandre alfred alice aline alphonse ambroise anatole andre anne antoine
    antonin ariane aristide arthur auguste benjamin bernard berthe blaise boris camille cecile cesar charles
    christian claude clement daniel danielle david denis denise dora edgar edmond edouard elie elisabeth elsa
    emile ernest etienne eugene eugenie evariste felix ferdinand fernand florence francis francois francoise
    frederic gabriel gaston genevieve george georges gerard germaine gilbert guillaume gustave guy hector helene
    henri henry hubert irene isaac jacqueline jacques jean jeanne joachim joseph josephine jules julien katia
    lazare leo leon leonard leonie lionel louis louise luc lucie lucien lucienne madeleine marc marcel marcelle
    marguerite maria marie marthe martin mathilde maurice max maxime michel nelson nicolas olympe pablo paul paule
    pauline philippe pierre rachel raoul raymond rene robert roger roland romain rosa samuel sarah sebastien
    simone sophie suzanne theodore theophile therese thomas victor vincent voltairine yves yvonne
    """.split()  # noqa: SIM905
)

#: Correctly spelt words, exempt from correction although near another: « primaires », « général ».
CORRECT_WORDS: Final = frozenset(
    {
        *LEVELS,
        *SCHOOL_WORDS,
        *SECTORS,
        *ATTACHED_ESTABLISHMENTS,
        *TRACKS,
        *STOP_WORDS,
        *WEAK_WORDS,
        *EXPANSIONS,
        *EXPANSIONS.values(),
    }
)
