"""Rows of a list without a UAI: their names and places, as people write them."""

import pytest

from schools.directory.merge import refresh_dictionary
from schools.recognition import RecognitionMethod, SchoolReference, SearchScope
from schools.recognition.pipeline import recognise
from tests.schools.named_rows import NOWHERE, likeliest, one, proposed, school

pytestmark = pytest.mark.django_db


@pytest.fixture
def nimes_schools():
    """A commune with twins of several kinds."""
    names = [
        "École élémentaire Jean Jaurès", "École maternelle Jean Jaurès", "Collège Jean Jaurès",
        "École élémentaire publique Henri Wallon A", "École élémentaire publique Henri Wallon B",
        "École primaire privée Notre-Dame du Bon Secours", "École maternelle Les Tilleuls",
        "École élémentaire Antoine de Saint-Exupéry", "École primaire Général de Gaulle",
        "Lycée général et technologique Alphonse Daudet", "Lycée professionnel Frédéric Mistral",
    ]  # fmt: skip
    made = {name: school(name) for name in names}
    refresh_dictionary()
    return made


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("E.E.PU JEAN JAURES", "École élémentaire Jean Jaurès"),
        ("EEPU J. Jaurès", "École élémentaire Jean Jaurès"),
        ("éc. élém. jaurès", "École élémentaire Jean Jaurès"),
        ("Jean Jaurès (maternelle)", "École maternelle Jean Jaurès"),
        ("E M PU Jean Jaurès", "École maternelle Jean Jaurès"),
        ("clg. Jean-Jaurès", "Collège Jean Jaurès"),
        ("col. J.Jaurès", "Collège Jean Jaurès"),
        ("École élémentaire Henri Wallon B", "École élémentaire publique Henri Wallon B"),
        ("E.P.PR N-D DU BON SECOURS", "École primaire privée Notre-Dame du Bon Secours"),
        ("Tilleuls (Les) école mat.", "École maternelle Les Tilleuls"),
        ("Ecole elem. A. de St Exupéry", "École élémentaire Antoine de Saint-Exupéry"),
        ("St-Ex, école élémentaire", "École élémentaire Antoine de Saint-Exupéry"),
        ("EPPU Gal de Gaulle", "École primaire Général de Gaulle"),
        ("Ecole élémentaire Jaen Juares", ""),
        ("Ecole élémentaire Jean Jaurs", "École élémentaire Jean Jaurès"),
        ("École maternelle Les Tileuls", "École maternelle Les Tilleuls"),
        ("Ecole maternele Les Tilleuls", "École maternelle Les Tilleuls"),
        ("Les Tilleuls (E.M.PU)", "École maternelle Les Tilleuls"),
        ("JEAN JAURES EE", "École élémentaire Jean Jaurès"),
        ("Ecole maternelle Les Tlileuls", "École maternelle Les Tilleuls"),
        ("LGT Daudet", "Lycée général et technologique Alphonse Daudet"),
        ("L.P. Frédéric Mistral", "Lycée professionnel Frédéric Mistral"),
    ],
)
def test_a_name_as_people_write_it(nimes_schools, written, meant):
    found = one(written, "NIMES")
    assert (found.uai, found.match_method) == (
        (nimes_schools[meant].uai, RecognitionMethod.NAME) if meant else ("", None)
    )


@pytest.mark.parametrize(
    ("written", "likely"),
    [
        ("Jean Jaurès", {"École élémentaire Jean Jaurès", "École maternelle Jean Jaurès", "Collège Jean Jaurès"}),
        ("École élémentaire Henri Wallon", {f"École élémentaire publique Henri Wallon {letter}" for letter in "AB"}),
        ("École Jean Jaurès", {"École élémentaire Jean Jaurès", "École maternelle Jean Jaurès"}),
    ],
)
def test_twins_are_proposed_and_none_is_taken(nimes_schools, written, likely):
    found = one(written, "Nîmes")
    assert (found.uai, found.doubt_code) == ("", "ambiguous_school")
    assert {nimes_schools[name].uai for name in likely} <= proposed(found)


@pytest.mark.parametrize(
    "written",
    [
        "École élémentaire Les Tilleuls",  # the maternelle alone bears the name
        "École primaire Notre-Dame du Bon Secours publique",  # it is private
        "École élémentaire Henri Wallon C",
        "SEGPA du collège Jean Jaurès",
        "Lycée professionnel Alphonse Daudet",
        "École élémentaire Jean Moulin",
        "École Saint-Jean",
        "Tilleuls",  # there may be an élémentaire that the directory lacks
        "École des Tilleuls",
    ],
)
def test_a_contradicting_cell_excludes_a_school(nimes_schools, written):
    found = one(written, "Nîmes")
    assert (found.uai, found.match_method) == ("", None)
    assert found.doubt_code in ("ambiguous_school", "no_match")


@pytest.mark.parametrize(
    ("data", "directory", "postal_code"),
    [
        ({"commune": "PARIS 13"}, "Paris 13e Arrondissement", "75013"),
        ({"commune": "Paris 13E"}, "Paris 13e Arrondissement", "75013"),
        ({"commune": "Lyon 3"}, "Lyon 3e Arrondissement", "69003"),
        ({"commune": "L HAY LES ROSES"}, "L'Haÿ-les-Roses", "94240"),
        ({"commune": "Haÿ-les-Roses (L')"}, "L'Haÿ-les-Roses", "94240"),
        ({"commune": "ST-DENIS CEDEX 2"}, "Saint-Denis", "93200"),
        ({"commune": "Vitry s/ Seine"}, "Vitry-sur-Seine", "94400"),
        ({"commune": "Villeneuve St Georgse", "departement": "94"}, "Villeneuve-Saint-Georges", "94190"),
        ({"commune": "Rosny-sousBois", "departement": "Seine-Saint-Denis"}, "Rosny-sous-Bois", "93110"),
        ({"commune": "Villeneuve St Goerges"}, "Villeneuve-Saint-Georges", "94190"),
        ({"postal_code": "1000"}, "Bourg-en-Bresse", "01000"),
        ({"postal_code": "30000.0"}, "Nîmes", "30000"),
        ({"commune": "30000 Nîmes"}, "Nîmes", "30000"),
        ({"commune": "Vihiers", "postal_code": "49310"}, "Lys-Haut-Layon", "49310"),  # a commune that was merged
        ({"commune": "Nîmes", "postal_code": "30911"}, "Nîmes", "30000"),  # a CEDEX code
    ],
)
def test_a_place_as_people_write_it(data, directory, postal_code):
    meant = school(
        "École élémentaire Louise Michel",
        commune=directory,
        postal_code=postal_code,
        departement_code="0" + postal_code[:2],
    )
    school("École élémentaire Louise Michel", commune="Ailleurs", postal_code="88000", departement_code="088")
    refresh_dictionary()
    assert one("EEPU Louise Michel", **data).uai == meant.uai


def test_the_arrondissement_distinguishes_schools_of_one_name():
    thirteenth, third = (
        school(
            "Collège Gérard Philipe",
            commune=f"Paris {n}e Arrondissement",
            postal_code=f"7500{n}"[-5:],
            departement_code="075",
        )
        for n in (13, 3)
    )
    thirteenth.postal_code, third.postal_code = "75013", "75003"
    thirteenth.save()
    third.save()
    assert one("Gérard Philipe collège", "Paris 3").uai == third.uai
    assert one("Gérard Philipe collège", "Paris", postal_code="75013").uai == thirteenth.uai
    assert one("Gérard Philipe collège", "Paris").doubt_code == "ambiguous_school"


def test_the_only_public_school_of_a_commune_is_proposed_to_a_row_without_a_name():
    only = school("École primaire Marcel Pagnol", commune="Aubais", postal_code="30250")
    school("École primaire privée Saint-Joseph", commune="Aubais", postal_code="30250")
    for name in ("École", "École primaire", "École d'Aubais", "EPPU"):
        found = one(name, "Aubais", postal_code="30250")
        assert (found.uai, likeliest(found), found.proposals[0].score) == ("", only.uai, 0.8)
    assert one("École maternelle", "Aubais").uai == ""
    school("École élémentaire Jules Ferry", commune="Aubais", postal_code="30250")
    found = one("École", "Aubais", postal_code="30250")
    assert (found.uai, found.doubt_code) == ("", "ambiguous_school")


def test_a_commune_of_the_same_name_elsewhere_is_not_matched():
    school("École primaire", commune="Saint-Denis", postal_code="97400", departement_code="974")
    here = school("École primaire", commune="Saint-Denis", postal_code="93200", departement_code="093")
    assert one("École primaire", "Saint-Denis").doubt_code == "ambiguous_school"
    assert one("École primaire", "Saint-Denis", departement="93").uai == here.uai
    assert one("École primaire", "St Denis", departement="Seine-Saint-Denis").uai == here.uai
    assert one("École primaire", "St Denis", scope=SearchScope(frozenset(), frozenset({"093"}))).uai == here.uai
    assert one("École primaire", "Saint-Denis", departement="11").uai == ""


def test_an_ambiguous_commune_is_resolved_by_the_rest_of_the_list():
    names = [
        f"École primaire {name}"
        for name in ("Prévert", "Pasteur", "Hugo", "Ferry", "Zola", "Verne", "Macé", "Buisson", "Curie", "Jaurès")
    ]
    rows = [SchoolReference(n, name=school(name).name, commune="Nîmes") for n, name in enumerate(names)]
    elsewhere = school("École primaire", commune="Saint-Martin", postal_code="32300", departement_code="032")
    [alone] = recognise([SchoolReference(99, name="École primaire", commune="Saint-Martin")], NOWHERE).values()
    assert alone.uai == elsewhere.uai
    within = recognise([*rows, SchoolReference(99, name="École primaire", commune="Saint-Martin")], NOWHERE)
    assert (within[99].uai, proposed(within[99])) == ("", {elsewhere.uai})
    assert all(within[row.key].uai for row in rows)


@pytest.mark.parametrize(
    ("written", "certain"),
    [("Jean Macé - Nîmes", False), ("NÎMES, école J. Macé", True), ("École élémentaire Jean Macé (Nîmes)", True)],
)
def test_the_commune_may_stand_in_the_name(written, certain):
    meant = school("École élémentaire Jean Macé")
    school("École élémentaire Jean Macé", commune="Alès", postal_code="30100")
    found = one(written)
    assert (likeliest(found), bool(found.uai)) == (meant.uai, certain)


def test_a_name_alone_is_searched_in_the_portfolio_then_in_the_departements():
    here = school("Collège Lucie Aubrac")
    there = school("Collège Lucie Aubrac", commune="Toulouse", postal_code="31000", departement_code="031")
    assert one("Collège Lucie Aubrac").doubt_code == "no_match"
    assert (
        one("Collège Lucie Aubrac", scope=SearchScope(frozenset({here.uai}), frozenset({"030", "031"}))).uai == here.uai
    )
    assert one("Collège Lucie Aubrac", scope=SearchScope(frozenset(), frozenset({"031"}))).uai == there.uai
    found = one("Collège Lucie Aubrac", departement="31")
    assert (found.uai, likeliest(found)) == ("", there.uai)
    both = one("Collège Lucie Aubrac", scope=SearchScope(frozenset(), frozenset({"030", "031"})))
    assert (both.doubt_code, proposed(both)) == ("ambiguous_school", {here.uai, there.uai})


def test_an_open_school_goes_before_a_closed_one_of_its_name():
    closed = school("École élémentaire Jean Macé", state="closed", closed_at="2025-09-01T00:00Z")
    assert one("École élémentaire Jean Macé", "Nîmes").uai == closed.uai
    opened = school("École primaire Jean Macé")
    found = one("École élémentaire Jean Macé", "Nîmes")
    assert (found.uai, likeliest(found)) == ("", opened.uai)


def test_a_type_in_a_column_of_its_own_is_part_of_the_name(nimes_schools):
    found = one("Jean Jaurès", "Nîmes", kind="Maternelle")
    assert found.uai == nimes_schools["École maternelle Jean Jaurès"].uai


def test_an_address_decides_between_two_of_a_name():
    one_, other = (school("École maternelle", address=address) for address in ("3 rue des Lilas", "12 avenue Foch"))
    assert one("École maternelle", "Nîmes").doubt_code == "ambiguous_school"
    assert one("École maternelle", "Nîmes", address="12, Avenue FOCH").uai == other.uai
    assert one("École maternelle", "Nîmes", address="3 rue des Lilas").uai == one_.uai


def test_a_proposal_is_labelled_as_people_know_the_school(nimes_schools):
    found = one("Lycée Alphonse", "Nîmes")
    assert found.proposals[0].label == "Lycée général et technologique Alphonse Daudet – Nîmes"
    assert 0 < found.proposals[0].score <= 1
