"""What each school of the simulated year is and does with its key: drawn once, the same in every run. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

from accounts.models import Profile
from core.formatting import fold
from sites.demo.people import DemoPerson
from sites.demo.year.places import OFFICES, OfficeStory, list_rows

TEACHERS_PER_SCHOOL = 5
#: Their servers take letters and report later that nobody is there.
DEAD_DOMAIN = "ancienne-adresse.example"
_FIRST_NAMES = (
    "Adèle", "Agathe", "Alice", "Amina", "Anaïs", "Anne", "Arthur", "Aurélie", "Baptiste", "Bastien", "Bruno",
    "Cécile", "Céline", "Clément", "Coralie", "David", "Delphine", "Denis", "Élise", "Émilie", "Éric", "Fabien",
    "Fatima", "Florent", "Gaëlle", "Guillaume", "Inès", "Isabelle", "Jérôme", "Julie", "Karim", "Laure",
    "Laurent", "Leïla", "Loïc", "Lucie", "Manon", "Marion", "Mathieu", "Maud", "Mehdi", "Nadia", "Nicolas",
    "Noémie", "Olivier", "Pascal", "Pauline", "Pierre", "Quentin", "Rachel", "Rémi", "Romain", "Sabine", "Samir",
    "Sandrine", "Sophie", "Thomas", "Valérie", "Vincent", "Yann",
)  # fmt: skip
_LAST_NAMES = (
    "Andrieu", "Arnaud", "Aubert", "Barbier", "Barre", "Baudry", "Bazin", "Benoit", "Berger", "Besson", "Blondel",
    "Bonnet", "Bouchet", "Bourdon", "Boyer", "Brunel", "Carlier", "Caron", "Chauvet", "Chevalier", "Collet",
    "Cordier", "Coste", "Daniel", "Delmas", "Deschamps", "Dubois", "Dufour", "Dumas", "Dupuis", "Durand",
    "Etienne", "Fabre", "Ferrand", "Fontaine", "Fournier", "Gaillard", "Garcia", "Gauthier", "Gillet", "Girard",
    "Guérin", "Hamon", "Hardy", "Huet", "Jacquet", "Joly", "Jourdan", "Klein", "Lacroix", "Lambert", "Laurent",
    "Lebrun", "Lefèvre", "Lemaire", "Lopez", "Lucas", "Maillard", "Marchand", "Martinez", "Masson", "Mercier",
    "Meunier", "Millet", "Morel", "Moulin", "Navarro", "Noël", "Olivier", "Perrin", "Petit", "Picard", "Poirier",
    "Prévost", "Renard", "Rey", "Ribeiro", "Richard", "Robin", "Rolland", "Roussel", "Royer", "Sanchez",
    "Schmitt", "Simon", "Tessier", "Vasseur", "Vidal",
)  # fmt: skip
#: Days from the key's arrival to its activation, each with its weight; None: never.
_DELAYS: tuple[tuple[tuple[int, int] | None, int], ...] = (
    ((1, 8), 58),
    # After the first reminder, the second, and of one's own accord.
    ((11, 19), 17),
    ((26, 38), 8),
    ((60, 100), 4),
    (None, 13),
)


class StaffingWay(StrEnum):
    """How licences come to teachers."""

    INVITED = "invited"
    ASSIGNED = "assigned"
    CLAIMED = "claimed"


@dataclass(frozen=True, slots=True)
class SchoolPlan:
    """A school: its people, and what becomes of its key."""

    office: OfficeStory
    uai: str
    name: str
    #: The official mailbox, at which its head reads.
    mailbox: str
    #: Where the collectivity first sends the key.
    address: str
    head: DemoPerson
    teachers: tuple[DemoPerson, ...]
    #: Licences of the first year; 0: none are given.
    units: int
    #: Days from the key's arrival to its activation; None: never.
    delay: int | None
    way: StaffingWay
    #: How many teachers get a licence at first.
    staffed: int
    #: Where none does at first: whether the letter about it wakes the school.
    wakes: bool

    def draw(self, what: str) -> random.Random:
        """Return the chance of one thing of this school, the same in every run."""
        return random.Random(f"{self.uai}/{what}")  # noqa: S311 - invented data


def list_plans(scale: float = 1.0) -> list[SchoolPlan]:
    """Return the plan of each school. `scale`: the part of the schools that take part, all by default."""
    of_office: dict[str, list[dict[str, str]]] = {}
    for row in list_rows():
        of_office.setdefault(row["Code_departement"], []).append(row)
    plans = []
    for office in OFFICES:
        rows = of_office[office.departement.code]
        count, given = round(len(rows) * scale), round(office.given * scale)
        plans += [_plan(office, row, is_given=number < given) for number, row in enumerate(rows[:count])]
    return plans


def _plan(office: OfficeStory, row: dict[str, str], *, is_given: bool) -> SchoolPlan:
    uai = row["Identifiant_de_l_etablissement"]
    rng = random.Random(uai)  # noqa: S311 - invented data
    units = rng.choice((2, 3, 3, 4, 4, 4, 5, 5, 6))
    [span] = rng.choices([span for span, _ in _DELAYS], [weight for _, weight in _DELAYS])
    staffed = rng.choices((min(units, TEACHERS_PER_SCHOOL), max(1, units - rng.randint(1, 2)), 0), (55, 28, 17))[0]
    people = [_draw_person(rng, f"{uai.lower()}{number or ''}") for number in range(TEACHERS_PER_SCHOOL + 1)]
    return SchoolPlan(
        office=office,
        uai=uai,
        name=row["Nom_etablissement"],
        mailbox=row["Mail"],
        address=f"direction.{uai.lower()}@{DEAD_DOMAIN}" if rng.random() < office.outdated else row["Mail"],
        head=DemoPerson(people[0].username, people[0].first_name, people[0].last_name, Profile.PRINCIPAL),
        teachers=tuple(people[1:]),
        units=units if is_given else 0,
        delay=None if span is None else rng.randint(*span),
        way=rng.choices(list(StaffingWay), (50, 38, 12))[0],
        staffed=staffed,
        wakes=rng.random() < 0.6,  # noqa: PLR2004
    )


def _draw_person(rng: random.Random, suffix: str) -> DemoPerson:
    first_name, last_name = rng.choice(_FIRST_NAMES), rng.choice(_LAST_NAMES)
    # Unique: names are drawn by chance.
    username = f"{fold(first_name)}.{fold(last_name)}.{suffix}"
    return DemoPerson(username, first_name, last_name, Profile.TEACHER)
