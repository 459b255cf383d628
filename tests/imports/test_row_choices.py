"""Known answers to a row's problem are one click; « Corriger » shows what was found, and keeps it where unchanged."""

import pytest

from imports.enums import Verdict
from imports.models import ImportRow
from imports.operations import row_edits
from imports.queries import count_remarks
from imports.web.remarks import build_lines, load_choices
from licensing.pools.operations import allocate
from tests.conftest import TERM
from tests.factories.collectivities import PortfolioSchoolFactory
from tests.factories.licensing import PoolFactory
from tests.factories.schools import SchoolFactory
from tests.imports.actions import upload_and_parse
from tests.imports.pages import import_url, page_text
from tests.imports.sample_files import schools_csv
from tests.refusals import refuses

WITH_EMAIL = ("UAI", "Licences", "E-mail")


def rows(spreadsheet_import):
    return {row.number: row for row in ImportRow.objects.filter(import_id=spreadsheet_import.pk)}


def choices(spreadsheet_import, number=2):
    row = rows(spreadsheet_import)[number]
    return {choice.label: choice.fields for choice in load_choices(spreadsheet_import, [row]).get(row.pk, [])}


def chosen(spreadsheet_import):
    row = rows(spreadsheet_import)[2]
    return [choice for choice in load_choices(spreadsheet_import, [row])[row.pk] if choice.chosen]


@pytest.mark.slow
def test_one_of_the_numbers_of_a_school_is_kept(officer, pool):
    school = SchoolFactory()
    spreadsheet_import = upload_and_parse(pool, schools_csv((school, 3), (school, 4), (school, 3)))
    assert set(choices(spreadsheet_import)) == {
        "additionner les lignes de cette école : 10\xa0licences",
        "garder 3",
        "garder 4",
    }
    here = import_url("row", spreadsheet_import.pk, 0, 2)
    officer.post(here, choices(spreadsheet_import)["garder 4"])
    found = {number: (row.verdict, row.units) for number, row in rows(spreadsheet_import).items()}
    assert found == {2: (Verdict.IGNORED, None), 3: (Verdict.NEW, 4), 4: (Verdict.IGNORED, None)}


@pytest.mark.slow
def test_rows_that_agree_are_all_kept(officer, pool):
    school = SchoolFactory()
    spreadsheet_import = upload_and_parse(pool, schools_csv((school, 3), (school, 4), (school, 3)))
    officer.post(import_url("row", spreadsheet_import.pk, 0, 3), choices(spreadsheet_import, 3)["garder 3"])
    found = {number: row.codes for number, row in rows(spreadsheet_import).items()}
    assert found == {2: [], 3: ["set_aside"], 4: ["duplicate"]}


@pytest.mark.slow
def test_a_row_is_kept_alone_whichever_numbers_the_others_state(pool):
    school = SchoolFactory()
    spreadsheet_import = upload_and_parse(pool, schools_csv((school, 3), (school, 4), (school, 3)))
    assert row_edits.keep_row(import_id=spreadsheet_import.pk, number=4, by=None, at=TERM) == 2
    assert {number: row.set_aside for number, row in rows(spreadsheet_import).items()} == {2: True, 3: True, 4: False}


@pytest.mark.slow
def test_a_number_that_no_row_states_keeps_nothing(pool):
    school = SchoolFactory()
    spreadsheet_import = upload_and_parse(pool, schools_csv((school, 3), (school, 4)))
    for changes in ({"number": 2, "units": 5}, {"number": 9}):
        with refuses("unknown_row"):
            row_edits.keep_row(import_id=spreadsheet_import.pk, by=None, at=TERM, **changes)
    assert not any(row.set_aside for row in rows(spreadsheet_import).values())


@pytest.mark.slow
@pytest.mark.parametrize(("numbers", "total"), [((4, 6), 10), ((4, 4), 8), ((3, 4, 3), 10)])
def test_the_rows_of_a_school_are_added_up_by_one_click(officer, pool, numbers, total):
    school = SchoolFactory()
    spreadsheet_import = upload_and_parse(pool, schools_csv(*((school, number) for number in numbers)))
    label = f"additionner les lignes de cette école : {total}\u00a0licences"
    here = import_url("row", spreadsheet_import.pk, 0, 3)
    assert f"Additionner les lignes de cette école : {total} licences" in page_text(officer.get(here))
    officer.post(here, choices(spreadsheet_import, 3)[label])
    first, *others = rows(spreadsheet_import).values()
    assert (first.verdict, first.units, first.ticked) == (Verdict.NEW, total, True)
    assert {(row.verdict, row.set_aside, row.codes[0]) for row in others} == {
        (Verdict.IGNORED, False, "counted_with_another")
    }
    message = f"Même école que la ligne 2, qui en porte le nombre ({numbers[1]} licences ici)."
    assert message in page_text(officer.get(here))


@pytest.mark.slow
def test_a_row_that_was_added_up_is_set_aside_and_taken_up_again_with_its_own_number(pool):
    school = SchoolFactory()
    spreadsheet_import = upload_and_parse(pool, schools_csv((school, 4), (school, 6)))
    row_edits.add_up_rows(import_id=spreadsheet_import.pk, number=2, by=None, at=TERM)
    for set_aside, units, code in ((True, 4, "set_aside"), (False, 10, "counted_with_another")):
        row_edits.amend_row(import_id=spreadsheet_import.pk, number=3, set_aside=set_aside, by=None, at=TERM)
        found = rows(spreadsheet_import)
        first, other = found[2], found[3]
        assert (first.units, first.ticked, other.units, other.codes) == (units, True, None, [code])


@pytest.mark.slow
@pytest.mark.parametrize(("numbers", "number"), [((4,), 2), ((4, "beaucoup"), 2), ((4, 4), 9)])
def test_rows_are_not_added_up_without_another_or_without_its_number(pool, numbers, number):
    school = SchoolFactory()
    spreadsheet_import = upload_and_parse(pool, schools_csv(*((school, each) for each in numbers)))
    assert not any("additionner" in label for label in choices(spreadsheet_import)) or number > len(numbers) + 1
    before = [(row.edits, row.set_aside) for row in rows(spreadsheet_import).values()]
    with refuses("nothing_to_add_up"):
        row_edits.add_up_rows(import_id=spreadsheet_import.pk, number=number, by=None, at=TERM)
    assert [(row.edits, row.set_aside) for row in rows(spreadsheet_import).values()] == before


@pytest.mark.slow
def test_the_letter_goes_to_one_of_the_addresses_of_the_cell_or_to_the_official_one(officer, pool):
    school = PortfolioSchoolFactory(contact_email="roux@nimes.example", school__email="ce@ac.example").school
    cell = "a@b.example ; c@d.example"
    spreadsheet_import = upload_and_parse(pool, schools_csv((school, 3, f'"{cell}"'), titles=WITH_EMAIL))
    assert rows(spreadsheet_import)[2].codes == ["multiple_emails"]
    assert choices(spreadsheet_import) == {
        "écrire à a@b.example": {"action": "fix", "email": "a@b.example"},
        "écrire à c@d.example": {"action": "fix", "email": "c@d.example"},
        "écrire à roux@nimes.example, le contact de votre périmètre": {"action": "fix", "email": "roux@nimes.example"},
        "écrire à l'adresse officielle, ce@ac.example": {"action": "fix", "email": "ce@ac.example"},
    }
    page = page_text(officer.get(import_url("detail", spreadsheet_import.pk)))
    assert "Écrire à l’adresse officielle, ce@ac.example" in page
    officer.post(import_url("row", spreadsheet_import.pk, 0, 2), {"action": "fix", "email": "c@d.example"})
    assert (rows(spreadsheet_import)[2].recipient, rows(spreadsheet_import)[2].ticked) == ("c@d.example", True)


@pytest.mark.slow
def test_several_addresses_are_answered_for_all_rows_at_once(officer, pool):
    schools = [SchoolFactory(email="ce@ac.example"), SchoolFactory(email="")]
    content = schools_csv(
        *((school, 3, '"a@b.example, c@d.example / e@f.example"') for school in schools), titles=WITH_EMAIL
    )
    spreadsheet_import = upload_and_parse(pool, content)
    (line,) = build_lines(count_remarks(spreadsheet_import))
    assert list(line.actions.items())[:2] == [
        ("first_address", "écrire à la première de chaque case"),
        ("official_address", "écrire à l'adresse officielle de chaque école (1 sur 2)"),
    ]
    form = {"onglet": "toutes", "remarque": "multiple_emails", "etat": "to_resolve"}
    bulk = import_url("bulk", spreadsheet_import.pk)
    page = page_text(officer.post(bulk, form | {"action": "official_address"}, follow=True))
    assert "1 adresse officielle choisie." in page
    assert {number: row.email for number, row in rows(spreadsheet_import).items()} == {2: "ce@ac.example", 3: ""}
    officer.post(bulk, form | {"action": "first_address"})
    found = {row.email: row.ticked for row in rows(spreadsheet_import).values()}
    assert found == {"ce@ac.example": True, "a@b.example": True}


def test_one_licence_a_class_is_offered_where_there_are_more(pool):
    titles = ("UAI", "Licences", "Nb classes")
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), 9, 4), titles=titles))
    assert choices(spreadsheet_import)["donner 4\u00a0licences, une par classe"] == {"action": "fix", "units": "4"}


@pytest.mark.slow
def test_the_form_shows_what_was_found(officer, pool):
    school = SchoolFactory(name="Ecole Les Platanes", commune="Uzès", email="ce@ac.example")
    titles = ("École", "Commune", "Licences")
    content = "\n".join([";".join(titles), "Ecole Les Platanes;Uzès;3"]).encode()
    spreadsheet_import = upload_and_parse(pool, content)
    fields = officer.get(import_url("row", spreadsheet_import.pk, 0, 2)).context["fields"]
    assert {field.name: field.value for field in fields} == {
        "uai": school.uai, "units": "3", "email": "ce@ac.example",
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("units", "douze", "« douze » n'est pas un nombre."),
        ("units", "", "Le nombre de licences manque."),
        ("uai", "lac", "« lac » n'est pas un UAI (sept chiffres et une lettre"),
        ("email", "dir@", "« dir@ » n'est pas une adresse e-mail"),
    ],
)
def test_the_form_stays_open_with_what_was_typed_and_its_fault(officer, pool, name, text, fault):
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), 3)))
    here, form = import_url("row", spreadsheet_import.pk, 0, 2), {"action": "fix", "email": "a@b.fr"}
    for headers in ({}, {"HX-Request": "true"}):
        answer = officer.post(here, form | {name: text}, headers=headers)
        fields = {field.name: field for field in answer.context["fields"]}
        assert (answer.status_code, fields[name].value) == (422, text)
        assert fields[name].fault.startswith(fault)
        assert page_text(answer).count(f'id="{name}-0-2-faute"') == 1
        if name != "email":
            assert fields["email"].value == "a@b.fr"
    assert (rows(spreadsheet_import)[2].edits, rows(spreadsheet_import)[2].units) == ({}, 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "units_for_all", "sentence"),
    [
        ("UAI;Licences\n{};-3", None, "Le fichier dit « -3 »."),
        ("UAI;Nb classes\n{};6", None, "Le fichier dit « 6 »."),
        ("UAI;Licences\n{};", None, "Le fichier ne dit pas ce nombre."),
        ("UAI;École\n{};Zola", 5, "Le nombre pour toutes les écoles est 5."),
    ],
)
def test_a_corrected_number_shows_the_one_it_replaces_and_a_way_back(officer, pool, content, units_for_all, sentence):
    content = content.format(SchoolFactory().pk).encode()
    spreadsheet_import = upload_and_parse(pool, content, units_for_all=units_for_all)
    before = rows(spreadsheet_import)[2]
    here = import_url("row", spreadsheet_import.pk, 0, 2)
    part = page_text(officer.post(here, {"action": "fix", "units": "4"}, headers={"HX-Request": "true"}))
    assert sentence in part
    assert "Annuler la correction" in part
    assert rows(spreadsheet_import)[2].units == 4
    part = page_text(officer.post(here, {"action": "revert"}, headers={"HX-Request": "true"}))
    assert "Annuler la correction" not in part
    after = rows(spreadsheet_import)[2]
    assert (after.edits, after.units, after.codes) == ({}, before.units, before.codes)


@pytest.mark.slow
def test_what_is_sent_back_as_it_was_shown_is_no_correction(officer, pool):
    school = SchoolFactory(name="Ecole Les Platanes", commune="Uzès", email="ce@ac.example")
    spreadsheet_import = upload_and_parse(pool, "École;Commune;Licences\nEcole Les Platanes;Uzès;3".encode())
    form = {"action": "fix", "uai": school.uai, "units": "4", "email": "ce@ac.example"}
    officer.post(import_url("row", spreadsheet_import.pk, 0, 2), form)
    row = rows(spreadsheet_import)[2]
    assert (row.edits, row.match_method, row.email) == ({"units": "4"}, "name", "")


@pytest.mark.slow
def test_a_school_with_licences_of_another_pool_gets_the_rest_or_as_many_again(officer, pool):
    school = SchoolFactory()
    grant = PoolFactory(name="Dotation 2026")
    allocate(pool_id=grant.pk, uai=school.uai, units=3, recipient="a@b.fr", by=None, at=TERM)
    spreadsheet_import = upload_and_parse(pool, schools_csv((school, 12)))
    assert choices(spreadsheet_import) == {
        "donner 9, pour 12 en tout": {"action": "answer"},
        "donner 12, pour 15 en tout": {"action": "answer", "besides": "1"},
    }
    page = page_text(officer.get(import_url("detail", spreadsheet_import.pk)))
    assert "Donner 9, pour 12 en tout" in page
    here = import_url("row", spreadsheet_import.pk, 0, 2)
    for label, units in (("donner 9, pour 12 en tout", 9), ("donner 12, pour 15 en tout", 12)) * 2:
        officer.post(here, choices(spreadsheet_import)[label])
        assert (rows(spreadsheet_import)[2].units, rows(spreadsheet_import)[2].ticked) == (units, True)
        assert [choice.label for choice in chosen(spreadsheet_import)] == [label]
    page = page_text(officer.get(import_url("detail", spreadsheet_import.pk), {"une_a_une": "1"}))
    assert "</span> Donner 12, pour 15 en tout <span" in page
    assert "Donner 9, pour 12 en tout<span" in page
