"""The school calendar: files of open data, zones of schools, and on which days one writes."""

import datetime
import io
import json

import pytest
from django.core.management import CommandError, call_command

from core.calendar import PARIS, get_easter
from schools.calendar import (
    ZONE_OF_DEPARTEMENT,
    CalendarPlace,
    WritingCalendar,
    find_place,
    find_writing_moments,
    find_zone,
    is_public_holiday,
    is_writing_day,
    list_open_departements,
)
from schools.models import HolidayZone, SchoolHoliday
from tests.factories.schools import SchoolFactory

DAY = datetime.date
HEADER = "Description;Population;Date de début;Date de fin;Académies;Zones;annee_scolaire"

pytestmark = pytest.mark.django_db


def build_row(start, end, zone="Zone C", name="Vacances de Noël", population="-"):
    return {
        "description": name,
        "population": population,
        "start_date": start,
        "end_date": end,
        "location": "Montpellier",
        "zones": zone,
        "annee_scolaire": "2026-2027",
    }


CHRISTMAS = build_row("2026-12-18T23:00:00+00:00", "2027-01-03T23:00:00+00:00")


@pytest.fixture
def load(tmp_path):
    """Load rows, a text or bytes as a file; return what the command says."""

    def run(content):
        file = tmp_path / "calendrier"
        if isinstance(content, list):
            content = json.dumps(content)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        out = io.StringIO()
        call_command("load_school_holidays", str(file), stdout=out)
        return out.getvalue().replace("\xa0", " ")

    return run


def list_holidays():
    return list(SchoolHoliday.objects.order_by("zone", "first_day").values_list("zone", "first_day", "last_day"))


def test_the_rows_of_the_academies_of_a_zone_are_one_period(load):
    printed = load([CHRISTMAS, CHRISTMAS | {"location": "Toulouse"}])
    assert list_holidays() == [("C", DAY(2026, 12, 19), DAY(2027, 1, 3))]
    assert "Zone C : 1 période chargée." in printed
    assert "Rien dans ce fichier pour : Zone A, Zone B, Corse" in printed


@pytest.mark.parametrize("delimiter", [";", ","])
def test_a_csv_with_its_shown_headers_is_read(load, delimiter):
    cells = ("Vacances de Noël", "-", "2026-12-18T23:00:00+00:00", "2027-01-03T23:00:00+00:00", "Montpellier", "Zone C")
    load(f"\ufeff{HEADER.replace(';', delimiter)}\r\n{delimiter.join((*cells, '2026-2027'))}\r\n")
    assert list_holidays() == [("C", DAY(2026, 12, 19), DAY(2027, 1, 3))]


@pytest.mark.parametrize(
    ("zone", "start", "end", "first"),
    [
        ("Réunion", "2026-12-18T20:00:00+00:00", "2027-01-24T20:00:00+00:00", DAY(2026, 12, 19)),
        ("Guadeloupe", "2026-12-19T04:00:00+00:00", "2027-01-04T04:00:00+00:00", DAY(2026, 12, 19)),
        ("Polynésie", "2026-12-19T10:00:00+00:00", "2027-01-10T10:00:00+00:00", DAY(2026, 12, 19)),
        ("Nouvelle Calédonie", "2026-12-18T13:00:00+00:00", "2027-02-14T13:00:00+00:00", DAY(2026, 12, 19)),
        # Written by the clock of Paris, or of winter in summer.
        ("Réunion", "2026-12-18T23:00:00+00:00", "2027-01-24T23:00:00+00:00", DAY(2026, 12, 19)),
        ("Zone A", "2026-10-16T23:00:00+00:00", "2026-11-01T23:00:00+00:00", DAY(2026, 10, 17)),
        ("Zone A", "2026-10-17", "2026-11-02", DAY(2026, 10, 17)),
    ],
)
def test_moments_are_days_at_the_place(load, zone, start, end, first):
    load([build_row(start, end, zone)])
    assert SchoolHoliday.objects.get().first_day == first


def test_summer_holidays_of_which_the_file_gives_the_beginning_end_with_august(load):
    load([build_row("2027-07-02T22:00:00+00:00", "2027-07-02T22:00:00+00:00", name="Début des Vacances d'Été")])
    assert list_holidays() == [("C", DAY(2027, 7, 3), DAY(2027, 8, 31))]


def test_days_of_teachers_and_of_return_are_no_holidays(load):
    load(
        [
            CHRISTMAS,
            build_row("2026-08-30T22:00:00+00:00", "2026-08-31T22:00:00+00:00", population="Enseignants"),
            build_row("2026-08-31T22:00:00+00:00", "2026-08-31T22:00:00+00:00", name="Rentrée scolaire"),
        ]
    )
    assert len(list_holidays()) == 1


def test_a_new_file_replaces_what_it_covers_and_no_other_zone(load):
    load([CHRISTMAS, CHRISTMAS | {"zones": "Zone A"}])
    moved = [
        build_row("2026-10-16T22:00:00+00:00", "2026-11-01T23:00:00+00:00"),
        build_row("2026-12-19T23:00:00+00:00", "2027-01-03T23:00:00+00:00"),
    ]
    load(moved)
    load(moved)
    assert list_holidays() == [
        ("A", DAY(2026, 12, 19), DAY(2027, 1, 3)),
        ("C", DAY(2026, 10, 17), DAY(2026, 11, 1)),
        ("C", DAY(2026, 12, 20), DAY(2027, 1, 3)),
    ]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"zones": "Zone D"}, "la zone « Zone D » n'est pas connue"),
        ({"start_date": "18/12/2026"}, "« 18/12/2026 » n'est pas une date"),
        ({"start_date": "0001-01-01T00:00:00+14:00", "zones": "Polynésie"}, "n'est pas une date"),
        ({"end_date": None}, "« » n'est pas une date"),
        ({"end_date": "2026-12-01T23:00:00+00:00"}, "finissent avant de commencer"),
        ({"end_date": "2027-12-01T23:00:00+00:00"}, "plus de 100 jours"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_and_the_others_are_loaded(load, changes, reason):
    printed = load([CHRISTMAS | {"zones": "Zone B"}, CHRISTMAS | changes])
    assert [zone for zone, *_ in list_holidays()] == ["B"]
    assert "1 ligne refusée" in printed
    assert "ligne 2 : " in printed
    assert reason in printed.replace("«  »", "« »")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "aucune période"),
        ("[]", "aucune période"),
        ("[" * 100_000, "n'est pas un JSON lisible"),
        ('[{"description": "Va', "n'est pas un JSON lisible"),
        ('{"a": 1}', "n'est pas un export"),
        ("[1, 2]", "n'est pas un export"),
        ('[{"zones": "Zone A"}]', "n'a pas ces colonnes du calendrier scolaire : « description », « start_date »"),
        ("nom;prénom\nA;B\n", "n'a pas ces colonnes"),
        (HEADER.encode("latin-1"), "n'est pas en UTF-8"),
        (b"PK\x03\x04\xff", "n'est pas en UTF-8"),
        (f'{HEADER}\n"{"x" * 200_000}\n', "n'est pas un CSV lisible"),
        ([CHRISTMAS | {"zones": "?"}], "aucune période"),
    ],
)
def test_a_file_without_holidays_is_refused_and_changes_nothing(load, content, reason):
    load([CHRISTMAS])
    with pytest.raises(CommandError, match=reason) as refusal:
        load(content)
    assert refusal.value.returncode == 2
    assert len(list_holidays()) == 1


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(CommandError, match="ne peut pas être lu"):
        call_command("load_school_holidays", str(tmp_path / "rien.json"))


def test_every_departement_has_a_zone_and_every_zone_a_departement():
    assert set(ZONE_OF_DEPARTEMENT.values()) == set(HolidayZone)
    metropolitan = {f"{number:03}" for number in range(1, 96) if number != 20} | {"02A", "02B"}
    overseas = {str(number) for number in (*range(971, 979), 986, 987, 988)}
    assert set(ZONE_OF_DEPARTEMENT) == metropolitan | overseas


@pytest.mark.parametrize(
    ("departement_code", "academie", "zone"),
    [
        ("030", "", HolidayZone.C),
        ("02A", "Corse", HolidayZone.CORSE),
        ("", "Orléans-Tours", HolidayZone.B),
        ("", "Clermont-Ferrand", HolidayZone.A),
        ("", "La Réunion", HolidayZone.REUNION),
        ("", "", None),
        ("999", "Atlantide", None),
    ],
)
def test_the_zone_of_a_school(departement_code, academie, zone):
    assert find_zone(departement_code, academie) == zone


@pytest.mark.parametrize(
    ("year", "easter"),
    [(2024, DAY(2024, 3, 31)), (2026, DAY(2026, 4, 5)), (2027, DAY(2027, 3, 28)), (2038, DAY(2038, 4, 25))],
)
def test_easter(year, easter):
    assert get_easter(year) == easter


@pytest.mark.parametrize(
    ("day", "departement_code", "holiday"),
    [
        (DAY(2027, 3, 29), "", True),  # Easter Monday
        (DAY(2027, 5, 6), "", True),  # Ascension Day
        (DAY(2027, 5, 17), "", True),  # Whit Monday
        (DAY(2026, 11, 11), "", True),
        (DAY(2027, 3, 26), "", False),
        (DAY(2027, 3, 26), "067", True),  # Good Friday, in Alsace
        (DAY(2027, 4, 27), "976", True),
        (DAY(2027, 4, 27), "974", False),
    ],
)
def test_public_holidays(day, departement_code, holiday):
    assert is_public_holiday(day, departement_code) is holiday


@pytest.mark.parametrize(
    ("day", "writing"),
    [
        (DAY(2026, 12, 18), True),  # the Friday before
        (DAY(2026, 12, 19), False),
        (DAY(2026, 12, 21), False),
        (DAY(2027, 1, 3), False),
        (DAY(2027, 1, 4), True),
        (DAY(2026, 11, 11), False),
        (DAY(2026, 11, 28), False),  # Saturday
        (DAY(2026, 11, 29), False),
        # Nothing is known of this summer.
        (DAY(2027, 7, 6), False),
        (DAY(2027, 8, 30), False),
        (DAY(2027, 6, 30), True),
        (DAY(2027, 9, 1), True),
    ],
)
def test_writing_days_of_a_school(load, day, writing):
    load([CHRISTMAS])
    assert is_writing_day(SchoolFactory(), day) is writing


def test_a_calendar_that_covers_the_southern_winter_lets_july_be_written_to(load):
    load(
        [
            build_row("2027-06-04T13:00:00+00:00", "2027-06-20T13:00:00+00:00", "Nouvelle Calédonie"),
            build_row("2027-08-06T13:00:00+00:00", "2027-08-22T13:00:00+00:00", "Nouvelle Calédonie"),
        ]
    )
    school = SchoolFactory(departement_code="988")
    assert is_writing_day(school, DAY(2027, 7, 6))
    assert not is_writing_day(school, DAY(2027, 8, 9))
    assert not is_writing_day(school, DAY(2027, 8, 25))
    assert not is_writing_day(SchoolFactory(), DAY(2027, 7, 6))


def test_the_next_writing_day_of_each_day(load):
    load([CHRISTMAS])
    calendar = WritingCalendar(DAY(2026, 12, 17), DAY(2027, 1, 5))
    following = dict(calendar.iterate_next_days(find_place(SchoolFactory())))
    assert (following[DAY(2026, 12, 17)], following[DAY(2026, 12, 19)]) == (DAY(2026, 12, 17), DAY(2027, 1, 4))
    # Elsewhere Monday is one.
    assert dict(calendar.iterate_next_days(CalendarPlace("B")))[DAY(2026, 12, 19)] == DAY(2026, 12, 21)


@pytest.mark.parametrize(
    ("at", "moment"),
    [
        ((2026, 11, 27, 17, 59), (2026, 11, 27, 17, 59)),
        ((2026, 11, 27, 18, 0), (2026, 11, 30, 8, 0)),
        ((2026, 11, 28, 10, 0), (2026, 11, 30, 8, 0)),
        ((2026, 11, 30, 5, 0), (2026, 11, 30, 8, 0)),
        # Where no calendar is loaded, nobody is written to in summer.
        ((2027, 7, 5, 10, 0), (2027, 9, 1, 8, 0)),
    ],
)
def test_one_writes_to_a_school_by_day_and_on_its_next_writing_day(at, moment):
    school = SchoolFactory()
    asked_at, written_at = (datetime.datetime(*one, tzinfo=PARIS) for one in (at, moment))
    assert find_writing_moments([school], asked_at) == {school.uai: written_at}


def test_departements_of_a_zone_in_holidays_are_not_open():
    SchoolHoliday.objects.create(
        zone=HolidayZone.C, name="Noël", first_day=datetime.date(2026, 12, 19), last_day=datetime.date(2027, 1, 3)
    )
    monday = list_open_departements(datetime.date(2026, 12, 21))
    assert "030" not in monday
    assert "029" in monday
    assert list_open_departements(datetime.date(2026, 12, 20)) == []
