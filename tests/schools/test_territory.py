"""Which public écoles are of a collectivity's territory."""

import pytest
from django.utils import timezone

from schools.models import School
from schools.territory import find_commune, find_territory, search_communes
from tenants.models import Collectivity
from tests.factories.schools import SchoolFactory

COMMUNE, DEPARTEMENT, REGION, EPCI = "commune", "departement", "region", "epci"


def collectivity(name, kind=COMMUNE, siren="123456782"):
    return Collectivity(name=name, kind=kind, siren=siren)


def place(commune, code, number="030", **fields):
    return SchoolFactory(commune=commune, commune_code=code, departement_code=number, **fields)


@pytest.mark.parametrize(
    ("name", "commune", "of_place"),
    [
        ("Ville d'Alès", "Alès", "d’Alès"),
        ("Ville d’Alès", "ALES", "d’ALES"),
        ("Commune de Saint-Gilles", "St Gilles", "de St Gilles"),
        ("Mairie du Vigan", "Le Vigan", "du Vigan"),
        ("Ville des Angles", "Les Angles", "des Angles"),
        ("Ville de La Grand-Combe", "La Grand-Combe", "de La Grand-Combe"),
        ("Nîmes", "Nîmes", "de Nîmes"),
    ],
)
def test_a_commune_is_found_by_its_name(db, name, commune, of_place):
    school = place(commune, "30007")
    place("Uzès", "30334")
    territory = find_territory(collectivity(name))
    assert territory.of_place == of_place
    assert list(territory.list_schools()) == [school]


def test_of_two_communes_of_one_name_the_siren_tells_which(db):
    near_paris, on_the_island = place("Saint-Denis", "93066", "093"), place("Saint-Denis", "97411", "974")
    assert find_territory(collectivity("Ville de Saint-Denis")) is None
    assert list(find_territory(collectivity("Ville de Saint-Denis", siren="219300662")).list_schools()) == [near_paris]
    assert list(find_territory(collectivity("Saint-Denis", siren="219740115")).list_schools()) == [on_the_island]


def test_arrondissements_are_one_commune(db):
    schools = [place(f"Lyon {n}e Arrondissement", f"6938{n}", "069") for n in (2, 3)]
    territory = find_territory(collectivity("Ville de Lyon", siren="216901231"))
    assert territory.of_place == "de Lyon"
    assert list(territory.list_schools()) == schools


def test_only_open_public_ecoles_are_its_own(db):
    wanted = place("Alès", "30007", state="opening")
    nursery = place("Alès", "30007", has_elementary=False)
    place("Alès", "30007", sector="Privé")
    place("Alès", "30007", type="Collège")
    place("Alès", "30007", state="closed", closed_at=timezone.now())
    territory = find_territory(collectivity("Ville d'Alès"))
    assert set(territory.list_schools()) == {wanted, nursery}
    assert list(territory.list_schools(nurseries=False)) == [wanted]
    assert territory.count_closed() == 1
    School.objects.update(has_elementary=None)
    assert territory.list_schools(nurseries=False).count() == 2  # the directory does not say


def test_a_departement_and_a_region_are_found_by_their_names(db):
    gard = place("Alès", "30007", departement="Gard", region="Occitanie")
    herault = place("Agde", "34003", "034", departement="Hérault", region="Occitanie")
    place("Lille", "59350", "059", departement="Nord", region="Hauts-de-France")
    territory = find_territory(collectivity("Conseil départemental de l'Hérault", DEPARTEMENT))
    assert list(territory.list_schools()) == [herault]
    territory = find_territory(collectivity("Département du Gard", DEPARTEMENT))
    assert list(territory.list_schools()) == [gard]
    assert territory.of_place == "du Département du Gard"
    assert set(find_territory(collectivity("Région Occitanie", REGION)).list_schools()) == {gard, herault}


def test_otherwise_the_siret_of_a_school_tells_who_runs_it(db):
    ours = place("Vézénobres", "30348", siret="24300064300017")
    place("Vézénobres", "30348", siret="21300348600017")
    agglomeration = collectivity("Alès Agglomération", EPCI, "243000643")
    assert list(find_territory(agglomeration).list_schools()) == [ours]
    assert find_territory(collectivity("Uzès Pont du Gard", EPCI, "243000999")) is None
    assert find_territory(collectivity("Ville d'Ailleurs")) is None


def test_communes_are_found_by_the_beginning_of_a_name(db):
    place("Saint-Gilles", "30258", departement="Gard")
    place("Saint-Gilles", "30258", departement="Gard", state="closed", closed_at=timezone.now())
    place("Saint-Gilles-Croix-de-Vie", "85222", "085", departement="Vendée")
    place("Nîmes", "30189")
    found = search_communes("st gilles")
    assert [(one.code, one.departement, one.schools) for one in found] == [("30258", "Gard", 1), ("85222", "Vendée", 1)]
    assert search_communes(" ") == []
    assert find_commune("85222").of_place == "de Saint-Gilles-Croix-de-Vie"
    assert find_commune("") is None
    assert find_commune("99999") is None
