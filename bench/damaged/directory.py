"""The schools that damaged lists are made of, and which of them a name and a place identify."""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from schools.folding import fold

#: Words for the kind of a school, which are not part of its proper name.
KIND_WORDS = frozenset(
    """
    ecole ecoles elementaire maternelle primaire college lycee lycees publique public privee prive communale
    intercommunale mixte general generale et technologique professionnel polyvalent application d groupe scolaire
    """.split()  # noqa: SIM905 - a list of quoted words is read by nobody
)
_EMPTY_WORDS = KIND_WORDS | frozenset(["de", "du", "des", "la", "le", "les", "l", "a", "au", "aux", "en"])
_WRITTEN_OUT = {"st": "saint", "ste": "sainte"}


_ORDINAL = re.compile(r"0*([0-9]+)(?:er|e|eme)?")


class ListedSchool(NamedTuple):
    """A row of the directory."""

    uai: str
    name: str
    address: str
    postal_code: str
    commune: str
    commune_code: str
    departement: str

    @property
    def kind(self) -> str:
        """Maternelle, elementaire, primaire, college, lycee; "" where the name does not say."""
        words = fold(self.name).split()
        return next((k for k in ("maternelle", "elementaire", "primaire", "college", "lycee") if k in words), "")

    @property
    def distinctive_words(self) -> tuple[str, ...]:
        """The words that distinguish it from other schools of its kind, sorted."""
        words = (_WRITTEN_OUT.get(word, word) for word in fold(self.name).split())
        return tuple(sorted({word for word in words if word not in _EMPTY_WORDS}))

    @property
    def place(self) -> str:
        """Its commune, normalised."""
        words = (_WRITTEN_OUT.get(word, word) for word in fold(self.commune).split() if word != "arrondissement")
        # « Paris 06 » is « Paris 6e Arrondissement ».
        return " ".join(_ORDINAL.sub(r"\1", word) for word in words)


class SchoolDirectory:
    """All schools a row may match, and those that lists are made of."""

    def __init__(self, everything: Iterable[ListedSchool]) -> None:
        self.all = sorted(everything)
        self.schools = [s for s in self.all if s.name and s.commune and s.kind]
        self.by_departement: defaultdict[str, list[ListedSchool]] = defaultdict(list)
        for school in self.schools:
            self.by_departement[school.departement].append(school)
        self._alike: Counter[tuple[str, ...]] = Counter()
        self._at: defaultdict[str, list[ListedSchool]] = defaultdict(list)
        for school in self.all:
            for place in (school.place, school.postal_code):
                if place:
                    self._alike[place, school.kind, *school.distinctive_words] += 1
                    self._alike[place, "*", *school.distinctive_words] += 1
                    self._alike.update((place, school.kind, "…", word) for word in school.distinctive_words)
                    self._at[place].append(school)

    def sample(
        self, rng: random.Random, size: int, *, where: Callable[[ListedSchool], bool] = lambda _: True
    ) -> list[ListedSchool]:
        """Return schools of one département, `size` of them where it has so many; of the country above 500."""
        if size > 500:  # noqa: PLR2004 - no département's list is longer
            among = [school for school in self.schools if where(school)]
            return rng.sample(among, min(size, len(among)))
        choices = [sorted(filter(where, schools)) for _, schools in sorted(self.by_departement.items())]
        most = max(map(len, choices))
        among = rng.choice([schools for schools in choices if len(schools) >= min(size, most)])
        return rng.sample(among, min(size, len(among)))

    def communes(self, rng: random.Random, number: int, *, least: int = 3) -> list[list[ListedSchool]]:
        """Return the schools of `number` communes of one département, at least `least` schools each."""
        choices = []
        for _, schools in sorted(self.by_departement.items()):
            grouped: defaultdict[str, list[ListedSchool]] = defaultdict(list)
            for school in schools:
                grouped[school.place].append(school)
            choices.append([group for _, group in sorted(grouped.items()) if len(group) >= least])
        most = max(map(len, choices))
        groups = rng.choice([groups for groups in choices if len(groups) >= min(number, most)])
        return rng.sample(groups, min(number, len(groups)))

    def is_unique_match(
        self,
        school: ListedSchool,
        *,
        place: str,
        has_kind: bool = False,
        by_last_word: str = "",
        among: Sequence[str] = (),
    ) -> bool:
        """Return whether the written name identifies this school alone at this place (a commune, a postal code).

        `by_last_word`: the one word left whole where a first name became an initial. `among`: schools of these kinds.
        """
        if by_last_word:
            return self._alike[place, school.kind, "…", by_last_word] == 1
        if not has_kind or school.kind == "lycee":
            # « Jean Moulin » alone may be any of them, and « lycée Jean Moulin » its professional section.
            words = set(school.distinctive_words)
            near = [other for other in self._at[place] if other != school and other.kind in (among or {other.kind})]
            if any(words <= set(other.distinctive_words) and (not has_kind or other.kind == "lycee") for other in near):
                return False
        kinds = among or [school.kind if has_kind else "*"]
        return sum(self._alike[place, kind, *school.distinctive_words] for kind in kinds) == 1
