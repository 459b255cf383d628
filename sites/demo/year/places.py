"""The three collectivities of the simulated year and their schools, in three zones, and what each school does. Pure."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from stdnum import luhn

from accounts.models import Profile
from core.formatting import fold
from sites.demo.directory import NAMES, SHAPES, Departement, generate_schools, read_departements, read_words
from sites.demo.people import DemoPerson
from tenants.models import CollectivityKind

#: With the demonstration's own, enough for the schools of one commune.
_MORE_NAMES = read_words("more_school_names")
#: Schools with classes from CP to CM2: what the licences are for.
_SHAPES = tuple((shape, weight) for shape, weight in SHAPES if shape.elementary == "1")


class RenewalWay(StrEnum):
    """What an office makes of the proposal for its next school year."""

    #: Edited on the page after the first reminder, ordered before the next.
    IN_SPRING = "in_spring"
    #: Edited in a workbook after the last reminder, and given from a lot that is provisional.
    IN_AUGUST = "in_august"
    DECLINED = "declined"


class OfficeStory(NamedTuple):
    """A collectivity, its people, its schools, and what it does in the year."""

    slug: str
    name: str
    kind: CollectivityKind
    siren: str
    key_prefix: str
    #: Where it is invoiced.
    address: tuple[str, str, str]
    departement: Departement
    zone: str
    manager: DemoPerson
    buyer: DemoPerson
    officer: DemoPerson
    #: Of its schools, how many get licences in the first year.
    given: int
    #: Licences bought beyond those, for the first year.
    spare: int
    renewal: RenewalWay
    #: How many of its addresses are out of date, as a share.
    outdated: float

    @property
    def schools(self) -> int:
        return sum(commune.schools for commune in self.departement.communes)


def _siren(stem: str) -> str:
    return stem + luhn.calc_check_digit(stem)


def _agent(username: str, first_name: str, last_name: str) -> DemoPerson:
    return DemoPerson(username, first_name, last_name, Profile.AGENT)


_GARD, _FINISTERE, _SAVOIE = read_departements("year_communes")

OFFICES = (
    OfficeStory(
        "ales", "Ville d'Alès", CollectivityKind.COMMUNE, _GARD.communes[0].siren, "ALES",
        ("Place de l'Hôtel de Ville", "30100", "Alès"), _GARD, "C",
        _agent("amelie", "Amélie", "Roche"), _agent("antoine", "Antoine", "Mazel"),
        _agent("anissa", "Anissa", "Benali"),
        given=52, spare=14, renewal=RenewalWay.IN_SPRING, outdated=0.07,
    ),
    OfficeStory(
        "finistere", "Département du Finistère", CollectivityKind.DEPARTEMENT, _siren("22290001"), "FINIS",
        ("32 boulevard Dupleix", "29000", "Quimper"), _FINISTERE, "B",
        _agent("fanch", "Fañch", "Le Goff"), _agent("francoise", "Françoise", "Kerviel"),
        _agent("felix", "Félix", "Morvan"),
        given=80, spare=19, renewal=RenewalWay.DECLINED, outdated=0.3,
    ),
    OfficeStory(
        "chambery", "Grand Chambéry", CollectivityKind.EPCI, _siren("20006911"), "CHAMB",
        ("106 allée des Blachères", "73000", "Chambéry"), _SAVOIE, "A",
        _agent("claire", "Claire", "Blanc"), _agent("cedric", "Cédric", "Favre"),
        _agent("chloe", "Chloé", "Perrier"),
        given=128, spare=4, renewal=RenewalWay.IN_AUGUST, outdated=0.07,
    ),
)  # fmt: skip
OPERATOR = _agent("exploitant", "Dominique", "Lambert")


def list_rows() -> Iterator[dict[str, str]]:
    """Yield the rows of the directory: the schools of the three collectivities."""
    departements = [office.departement for office in OFFICES]
    return generate_schools(departements, shapes_and_weights=_SHAPES, names=(*NAMES, *_MORE_NAMES))


TEACHERS_PER_SCHOOL = 5
#: Their servers take letters and report later that nobody is there.
DEAD_DOMAIN = "ancienne-adresse.example"
_FIRST_NAMES, _LAST_NAMES = read_words("first_names"), read_words("last_names")
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
