"""Edits of one row or many, and their effects on other rows."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from collectivities.models import PortfolioSchool
from imports import queries
from imports.enums import Verdict
from imports.models import ImportRow
from imports.operations import recheck, row_edits
from imports.templatetags.import_tags import added_parts
from licensing.entitlements.models import ActivationKey
from licensing.pools.operations import allocate
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory
from tests.imports.actions import upload_and_parse
from tests.imports.sample_files import build_csv, schools_csv
from tests.key_states import copy_everywhere
from tests.refusals import refuses

NOW: dict[str, Any] = {"by": None, "at": TERM}


def amend(spreadsheet_import, number, **change):
    return row_edits.amend_row(import_id=spreadsheet_import.pk, number=number, **NOW, **change)


def rows(spreadsheet_import):
    return {row.number: row for row in ImportRow.objects.filter(import_id=spreadsheet_import.pk)}


def problem_codes(spreadsheet_import):
    return {number: row.codes for number, row in rows(spreadsheet_import).items() if row.codes}


def allocate_units(pool, school, units):
    return allocate(pool_id=pool.pk, uai=school.uai, units=units, recipient=school.email, **NOW)


def add_proposals(spreadsheet_import, number, *schools, code="ambiguous_school"):
    """Make a row doubtful, with these proposals: (school, score)."""
    proposals = [{"uai": school.uai, "label": school.name, "score": score} for school, score in schools]
    problem = {"column": "uai", "code": code, "message": "…", "blocking": True}
    ImportRow.objects.filter(import_id=spreadsheet_import.pk, number=number).update(
        uai="", match_method="", confidence=None, proposals=proposals, problems=[problem], codes=[code],
        verdict="error", ticked=False,
    )  # fmt: skip


@pytest.mark.slow
def test_a_sum_of_columns_is_stored_and_checked_again_with_its_parts(pool):
    schools = [SchoolFactory(), SchoolFactory()]
    content = build_csv(
        [["UAI", "Nombre de classes", ""], ["", "Cycle 2", "Cycle 3"], *([school.uai, 3, 2] for school in schools)]
    )
    spreadsheet_import = upload_and_parse(pool, content)
    assert [row.units for row in rows(spreadsheet_import).values()] == [5, 5]
    assert spreadsheet_import.layout.sums == {"classes": [1, 2]}
    again = amend(spreadsheet_import, 3, edits={"email": "a@b.fr"})
    assert (again.cells["classes"], again.units, again.recipient) == ("3 + 2 = 5", 5, "a@b.fr")
    assert added_parts(again) == "3 + 2"
    typed = amend(spreadsheet_import, 3, edits={"units": "4"})
    assert (typed.cells["classes"], typed.units) == ("3 + 2 = 5", 4)
    assert not added_parts(typed)


def test_an_edited_value_is_normalised_like_a_cell(pool):
    spreadsheet_import = upload_and_parse(pool, schools_csv((SchoolFactory(), 3)))
    typed = amend(spreadsheet_import, 2, edits={"units": " 4\0 ", "email": "a@b.fr\n"})
    assert (typed.edits, typed.units, typed.recipient) == ({"units": "4", "email": "a@b.fr"}, 4, "a@b.fr")


@pytest.mark.slow
def test_a_chosen_proposal_wins_over_the_row(pool):
    school, other = SchoolFactory.create_batch(2)
    spreadsheet_import = upload_and_parse(pool, schools_csv(("x", 3), (other, 1)))
    add_proposals(spreadsheet_import, 2, (school, 0.9))
    chosen = amend(spreadsheet_import, 2, edits={"uai": school.uai})
    assert (chosen.uai, chosen.match_method, chosen.verdict, chosen.ticked) == (school.uai, "chosen", Verdict.NEW, True)
    again = amend(spreadsheet_import, 2, edits={"uai": other.uai})
    assert again.verdict == Verdict.ERROR
    assert problem_codes(spreadsheet_import) == {2: ["conflicting_duplicate"], 3: ["conflicting_duplicate"]}
    assert amend(spreadsheet_import, 2, edits={"uai": school.uai}).verdict == Verdict.NEW
    assert problem_codes(spreadsheet_import) == {}


@pytest.mark.slow
def test_the_row_s_own_uai_can_be_chosen_when_unconfirmed(pool):
    school = SchoolFactory()
    spreadsheet_import = upload_and_parse(pool, schools_csv((school, 3)))
    add_proposals(spreadsheet_import, 2, (SchoolFactory(), 0.9), code="uai_of_another_school")
    # The row's form posts every field: an unchanged one is no edit.
    assert amend(spreadsheet_import, 2, edits={"uai": school.uai, "units": "4"}).codes == ["uai_of_another_school"]
    chosen = amend(spreadsheet_import, 2, edits={"uai": school.uai})
    assert (chosen.match_method, chosen.verdict, chosen.codes) == ("chosen", Verdict.NEW, [])


@pytest.mark.slow
def test_ignoring_and_restoring_a_doubtful_row_keeps_its_doubt(pool):
    school = SchoolFactory()
    spreadsheet_import = upload_and_parse(pool, schools_csv((school, 3)))
    add_proposals(spreadsheet_import, 2, (school, 0.9), code="unconfirmed_uai")
    assert amend(spreadsheet_import, 2, set_aside=True).codes == ["set_aside"]
    back = amend(spreadsheet_import, 2, set_aside=False)
    assert (back.codes, back.uai, back.proposals[0]["uai"]) == (["unconfirmed_uai"], "", school.uai)


@pytest.mark.slow
def test_a_school_that_the_directory_does_not_know_waits_with_its_uai(pool):
    spreadsheet_import = upload_and_parse(pool, schools_csv(("0010001W", 3), (SchoolFactory(), 1)))
    waiting = amend(spreadsheet_import, 2, awaited=True)
    assert (waiting.verdict, waiting.awaited, waiting.set_aside, waiting.uai, waiting.match_method, waiting.codes) == (
        Verdict.IGNORED, True, True, "0010001W", "", ["awaited"],
    )  # fmt: skip
    back = amend(spreadsheet_import, 2, set_aside=False)
    assert (back.awaited, back.codes) == (False, ["unknown_school"])
    with refuses("cannot_await"):
        amend(spreadsheet_import, 3, awaited=True)


@pytest.mark.slow
def test_resolving_a_conflict_frees_its_licences_for_the_other_rows(pool):
    one, two, three = SchoolFactory.create_batch(3)
    allocate_units(pool, one, 60)
    allocate_units(pool, two, 40)
    spreadsheet_import = upload_and_parse(pool, schools_csv((one, 50), (two, 0), (three, 50)))
    assert problem_codes(spreadsheet_import) == {2: ["lower"], 3: ["reduced_to_zero"]}
    assert (queries.get_tally(spreadsheet_import).missing, queries.count_unapplicable(spreadsheet_import)) == (50, 2)
    with refuses("cannot_resolve"):
        amend(spreadsheet_import, 3, conflict_resolution="reduce")
    with refuses("cannot_resolve"):
        amend(spreadsheet_import, 4, conflict_resolution="revoke")
    assert amend(spreadsheet_import, 2, conflict_resolution="reduce").ticked
    assert amend(spreadsheet_import, 3, conflict_resolution="revoke").ticked
    tally = queries.get_tally(spreadsheet_import)
    assert (tally.units, tally.missing, tally.beyond) == (0, 0, None)
    assert not amend(spreadsheet_import, 3, conflict_resolution="").ticked
    # A row without a conflict keeps no resolution.
    assert (
        amend(spreadsheet_import, 2, edits={"units": "60"}).conflict_resolution,
        queries.count_unapplicable(spreadsheet_import),
    ) == (
        "",
        1,
    )


@pytest.mark.slow
def test_a_conflict_on_a_redeemed_key_cannot_be_resolved(pool):
    school = SchoolFactory()
    allocation = allocate_units(pool, school, 5)
    spreadsheet_import = upload_and_parse(pool, schools_csv((school, 2)))
    ActivationKey.objects.filter(pk=allocation.key_id).update(redeemed_at=TERM, redeemed_by=UserFactory())
    copy_everywhere()
    recheck.recheck_import(spreadsheet_import)
    assert problem_codes(spreadsheet_import) == {2: ["below_redeemed_units"]}
    with refuses("cannot_resolve", match="déjà activée"):
        amend(spreadsheet_import, 2, conflict_resolution="reduce")
    assert amend(spreadsheet_import, 2, set_aside=True).codes == ["set_aside"]


@pytest.mark.slow
def test_rows_of_the_same_address_change_with_one_of_them(pool):
    schools = SchoolFactory.create_batch(3, email="")
    spreadsheet_import = upload_and_parse(pool, schools_csv(*[(school, 1, "mairie@ville.fr") for school in schools]))
    assert problem_codes(spreadsheet_import) == {2: ["email_shared"], 3: ["email_shared"], 4: ["email_shared"]}
    assert amend(spreadsheet_import, 2, edits={"email": "ecole@ville.fr"}).others_changed
    assert problem_codes(spreadsheet_import) == {3: ["email_shared"], 4: ["email_shared"]}
    assert "2\u00a0écoles" in rows(spreadsheet_import)[3].problems[0]["message"]
    amend(spreadsheet_import, 3, set_aside=True)
    assert problem_codes(spreadsheet_import) == {3: ["set_aside"]}


@pytest.mark.slow
def test_rows_sharing_an_email_are_rechecked_only_while_they_are_few(pool, monkeypatch):
    monkeypatch.setattr("imports.checks.row_checks.MAX_LISTED_SCHOOLS", 3)
    schools = SchoolFactory.create_batch(6, email="")
    spreadsheet_import = upload_and_parse(pool, schools_csv(*[(school, 1, "mairie@ville.fr") for school in schools]))
    assert "plus de 3" in rows(spreadsheet_import)[7].problems[0]["message"]
    assert not amend(spreadsheet_import, 2, edits={"email": "a@ville.fr"}).others_changed
    amend(spreadsheet_import, 3, edits={"email": "b@ville.fr"})
    assert "plus de 3" in rows(spreadsheet_import)[7].problems[0]["message"]
    amend(spreadsheet_import, 4, edits={"email": "c@ville.fr"})
    assert (
        "3\u00a0écoles du tableau (voir aussi ligne\u00a05 et ligne\u00a06)"
        in rows(spreadsheet_import)[7].problems[0]["message"]
    )


@pytest.mark.slow
def test_sum_and_outlier_warnings_follow_their_neighbours(pool):
    schools = SchoolFactory.create_batch(6)
    spreadsheet_import = upload_and_parse(pool, schools_csv(*zip(schools, (3, 4, 5, 12, 61, 2), strict=True)))
    assert problem_codes(spreadsheet_import) == {5: ["probable_subtotal"]}
    amend(spreadsheet_import, 2, edits={"units": "2"})
    assert problem_codes(spreadsheet_import) == {}
    assert rows(spreadsheet_import)[5].ticked
    amend(spreadsheet_import, 2, edits={"units": "3"})
    assert (problem_codes(spreadsheet_import), rows(spreadsheet_import)[5].ticked) == (
        {5: ["probable_subtotal"]},
        False,
    )
    for number in (3, 4, 5):
        amend(spreadsheet_import, number, edits={"units": "3"})
    assert (problem_codes(spreadsheet_import), rows(spreadsheet_import)[6].ticked) == ({6: ["outlier"]}, False)


@pytest.mark.slow
def test_a_tick_is_kept_and_a_cleared_warning_ticks_again(pool):
    one, two = SchoolFactory.create_batch(2)
    nursery = SchoolFactory(has_elementary=False)
    spreadsheet_import = upload_and_parse(pool, schools_csv((nursery, 4), (two, 3)))
    assert problem_codes(spreadsheet_import) == {2: ["no_elementary"]}
    assert not rows(spreadsheet_import)[2].ticked
    assert amend(spreadsheet_import, 2, edits={"uai": one.uai}).ticked
    amend(spreadsheet_import, 3, ticked=False)
    assert not amend(spreadsheet_import, 3, edits={"email": "a@b.fr"}).ticked
    amend(spreadsheet_import, 2, edits={"uai": nursery.uai}, ticked=True)
    assert amend(spreadsheet_import, 2, edits={"email": "c@d.fr"}).ticked


@pytest.mark.slow
def test_schools_outside_the_portfolio_are_added_all_at_once(pool):
    PortfolioSchoolFactory()
    schools = SchoolFactory.create_batch(3)
    spreadsheet_import = upload_and_parse(pool, schools_csv(*[(school, 1) for school in schools]))
    assert queries.filter_rows(spreadsheet_import, code="not_in_portfolio").count() == 3
    text = rows(spreadsheet_import)[4].uai
    assert row_edits.add_all_to_portfolio(import_id=spreadsheet_import.pk, text=text, **NOW) == 1
    assert problem_codes(spreadsheet_import) == {2: ["not_in_portfolio"], 3: ["not_in_portfolio"]}
    assert row_edits.add_all_to_portfolio(import_id=spreadsheet_import.pk, **NOW) == 2
    assert problem_codes(spreadsheet_import) == {}
    assert PortfolioSchool.objects.count() == 4
    assert row_edits.add_all_to_portfolio(import_id=spreadsheet_import.pk, **NOW) == 0


@pytest.mark.slow
def test_likely_proposals_are_accepted_in_bulk_and_close_calls_left(pool):
    first, second, third = SchoolFactory.create_batch(3)
    spreadsheet_import = upload_and_parse(pool, schools_csv(("x", 1), ("y", 2), ("z", 3)))
    add_proposals(spreadsheet_import, 2, (first, 0.95), (second, 0.5))
    add_proposals(spreadsheet_import, 3, (second, 0.95), (third, 0.93))
    add_proposals(spreadsheet_import, 4, (third, 0.6))
    assert row_edits.accept_proposals(import_id=spreadsheet_import.pk, **NOW) == 1
    found = rows(spreadsheet_import)
    assert [found[number].uai for number in (2, 3, 4)] == [first.uai, "", ""]
    assert (found[2].match_method, found[2].ticked) == ("chosen", True)
    assert row_edits.accept_proposals(import_id=spreadsheet_import.pk, **NOW) == 0


@pytest.mark.slow
def test_all_rows_with_a_code_are_ignored_kept_waiting_or_ticked(pool):
    nursery = SchoolFactory.create_batch(2, has_elementary=False)
    spreadsheet_import = upload_and_parse(
        pool, schools_csv((nursery[0], 1), (nursery[1], 1), ("0010001W", 1), ("0010002X", 1), ("x", 1))
    )
    assert row_edits.tick_all(import_id=spreadsheet_import.pk, ticked=True, code="no_elementary") == 2
    assert row_edits.tick_all(import_id=spreadsheet_import.pk, ticked=True, code="unknown_school") == 0
    assert row_edits.await_all(import_id=spreadsheet_import.pk, **NOW) == 2
    assert row_edits.set_all_aside(import_id=spreadsheet_import.pk, code="no_elementary", **NOW) == 2
    assert problem_codes(spreadsheet_import) == {
        2: ["set_aside"], 3: ["set_aside"], 4: ["awaited"], 5: ["awaited"], 6: ["uai_invalid"],
    }  # fmt: skip
    assert not any(row.ticked for row in rows(spreadsheet_import).values())
    assert row_edits.await_all(import_id=spreadsheet_import.pk, **NOW) == row_edits.set_all_aside(
        import_id=spreadsheet_import.pk, code="no_elementary", **NOW
    )


@pytest.mark.slow
def test_rows_are_filtered_by_verdict_code_words_tick_and_sheet(pool):
    school, nursery = SchoolFactory(commune="Alès"), SchoolFactory(has_elementary=False)
    spreadsheet_import = upload_and_parse(pool, schools_csv((school, 1), (nursery, 1), ("x", 1)))

    def numbers(**filters):
        return list(queries.filter_rows(spreadsheet_import, **filters).values_list("number", flat=True))

    assert numbers() == numbers(verdict="", code="", text=" ", ticked=None, sheet=None, altered=False) == [2, 3, 4]
    assert numbers(verdict="error") == numbers(code="uai_invalid") == [4]
    assert numbers(text="ales") == numbers(ticked=True) == [2]
    assert numbers(ticked=False) == [3, 4]
    assert numbers(to_resolve=True) == numbers(remark="uai_invalid", state="to_resolve") == [4]
    assert numbers(remark="", state="ticked") == [2]
    assert numbers(verdict="autre") == numbers(code="x\0") == numbers(verdict="new", code="uai_invalid") == []
    assert (numbers(sheet=0), numbers(sheet=1), numbers(altered=True)) == ([2, 3, 4], [], [])


@pytest.mark.slow
def test_rows_beyond_the_pool_s_capacity_are_listed(pool):
    schools = SchoolFactory.create_batch(3)
    spreadsheet_import = upload_and_parse(pool, schools_csv(*zip(schools, (60, 30, 20), strict=True)))
    tally = queries.get_tally(spreadsheet_import)
    assert (tally.missing, tally.beyond) == (10, (0, 4))
    assert [row.number for row in queries.list_rows_beyond_pool(spreadsheet_import)] == [4]
    amend(spreadsheet_import, 2, ticked=False)
    assert list(queries.list_rows_beyond_pool(spreadsheet_import)) == []


@pytest.mark.slow
def test_a_correction_takes_as_many_queries_in_a_large_table_as_in_a_small_one(pool):
    def statements(count):
        schools = SchoolFactory.create_batch(count, email="")
        spreadsheet_import = upload_and_parse(
            pool, schools_csv(*[(school, 1, "mairie@ville.fr") for school in schools])
        )
        with CaptureQueriesContext(connection) as captured:
            amend(spreadsheet_import, 2, edits={"email": "a@b.fr"})
            row_edits.set_all_aside(import_id=spreadsheet_import.pk, code="email_shared", **NOW)
        return len(captured)

    assert statements(3) == statements(30)
