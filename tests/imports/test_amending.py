"""Corrections: one row or many, and all the others that each touches."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from collectivities.models import SchoolInRemit
from imports import operations, queries
from imports.enums import Verdict
from imports.exceptions import CannotAwait, CannotSettle
from imports.models import ImportRow
from imports.verdicts import addresses
from licensing.pools.operations import allocate
from licensing.subscriptions.models import ActivationKey
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import SchoolInRemitFactory
from tests.factories.schools import SchoolFactory
from tests.imports.conftest import listing, uploaded

NOW = {"by": None, "at": TERM}


def amend(table, number, **change):
    return operations.amend(import_id=table.pk, number=number, **NOW, **change)


def rows(table):
    return {row.number: row for row in ImportRow.objects.filter(import_id=table.pk)}


def told(table):
    return {number: row.codes for number, row in rows(table).items() if row.codes}


def give(pool, school, units):
    return allocate(pool_id=pool.pk, uai=school.uai, units=units, recipient=school.email, **NOW)


def proposing(table, number, *schools, code="several_schools"):
    """Put a row into doubt, with these proposals: (school, score)."""
    proposals = [{"uai": school.uai, "label": school.name, "score": score} for school, score in schools]
    problem = {"column": "uai", "code": code, "message": "…", "blocking": True}
    ImportRow.objects.filter(import_id=table.pk, number=number).update(
        uai="", how="", confidence=None, proposals=proposals, problems=[problem], codes=[code], verdict="error",
        ticked=False,
    )  # fmt: skip


def test_what_is_typed_is_kept_as_a_cell_would_be(pool):
    table = uploaded(pool, listing((SchoolFactory(), 3)))
    typed = amend(table, 2, edits={"units": " 4\0 ", "email": "a@b.fr\n"})
    assert (typed.edits, typed.units, typed.recipient) == ({"units": "4", "email": "a@b.fr"}, 4, "a@b.fr")


def test_a_proposal_is_chosen_and_stands_whatever_the_row_says(pool):
    school, other = SchoolFactory.create_batch(2)
    table = uploaded(pool, listing(("x", 3), (other, 1)))
    proposing(table, 2, (school, 0.9))
    chosen = amend(table, 2, edits={"uai": school.uai})
    assert (chosen.uai, chosen.how, chosen.verdict, chosen.ticked) == (school.uai, "chosen", Verdict.NEW, True)
    again = amend(table, 2, edits={"uai": other.uai})
    assert again.verdict == Verdict.ERROR
    assert told(table) == {2: ["duplicate_differs"], 3: ["duplicate_differs"]}
    assert amend(table, 2, edits={"uai": school.uai}).verdict == Verdict.NEW
    assert told(table) == {}


def test_the_rows_own_uai_can_be_chosen_where_nothing_confirmed_it(pool):
    school = SchoolFactory()
    table = uploaded(pool, listing((school, 3)))
    proposing(table, 2, (SchoolFactory(), 0.9), code="other_school")
    # The form of the whole row sends every field back: that is no choice.
    assert amend(table, 2, edits={"uai": school.uai, "units": "4"}).codes == ["other_school"]
    chosen = amend(table, 2, edits={"uai": school.uai})
    assert (chosen.how, chosen.verdict, chosen.codes) == ("chosen", Verdict.NEW, [])


def test_a_row_in_doubt_that_is_put_aside_and_taken_back_is_in_doubt_as_before(pool):
    school = SchoolFactory()
    table = uploaded(pool, listing((school, 3)))
    proposing(table, 2, (school, 0.9), code="not_confirmed")
    assert amend(table, 2, set_aside=True).codes == ["set_aside"]
    back = amend(table, 2, set_aside=False)
    assert (back.codes, back.uai, back.proposals[0]["uai"]) == (["not_confirmed"], "", school.uai)


def test_a_school_that_the_directory_does_not_know_waits_with_its_uai(pool):
    table = uploaded(pool, listing(("0010001W", 3), (SchoolFactory(), 1)))
    waiting = amend(table, 2, awaited=True)
    assert (waiting.verdict, waiting.awaited, waiting.set_aside, waiting.uai, waiting.how, waiting.codes) == (
        Verdict.IGNORED, True, True, "0010001W", "", ["awaited"],
    )  # fmt: skip
    back = amend(table, 2, set_aside=False)
    assert (back.awaited, back.codes) == (False, ["unknown_school"])
    with pytest.raises(CannotAwait):
        amend(table, 3, awaited=True)


def test_a_conflict_is_settled_by_what_is_possible_and_gives_its_licences_to_the_others(pool):
    one, two, three = SchoolFactory.create_batch(3)
    give(pool, one, 60)
    give(pool, two, 40)
    table = uploaded(pool, listing((one, 50), (two, 0), (three, 50)))
    assert told(table) == {2: ["lower"], 3: ["lower_to_none"]}
    assert (queries.tally(table).missing, queries.left_out(table)) == (50, 2)
    with pytest.raises(CannotSettle):
        amend(table, 3, settlement="reduce")
    with pytest.raises(CannotSettle):
        amend(table, 4, settlement="revoke")
    assert amend(table, 2, settlement="reduce").ticked
    assert amend(table, 3, settlement="revoke").ticked
    tally = queries.tally(table)
    assert (tally.units, tally.missing, tally.beyond) == (0, 0, None)
    assert not amend(table, 3, settlement="").ticked
    # What is no conflict any more has nothing settled.
    assert (amend(table, 2, edits={"units": "60"}).settlement, queries.left_out(table)) == ("", 1)


def test_a_key_that_is_redeemed_cannot_be_settled(pool):
    school = SchoolFactory()
    allocation = give(pool, school, 5)
    table = uploaded(pool, listing((school, 2)))
    ActivationKey.objects.filter(pk=allocation.key_id).update(redeemed_at=TERM, redeemed_by=UserFactory())
    operations.amending.check_again(table)
    assert told(table) == {2: ["lower_redeemed"]}
    with pytest.raises(CannotSettle, match="déjà activée"):
        amend(table, 2, settlement="reduce")
    assert amend(table, 2, set_aside=True).codes == ["set_aside"]


def test_rows_of_the_same_address_change_with_one_of_them(pool):
    schools = SchoolFactory.create_batch(3, email="")
    table = uploaded(pool, listing(*[(school, 1, "mairie@ville.fr") for school in schools]))
    assert told(table) == {2: ["email_shared"], 3: ["email_shared"], 4: ["email_shared"]}
    assert amend(table, 2, edits={"email": "ecole@ville.fr"}).others_changed
    assert told(table) == {3: ["email_shared"], 4: ["email_shared"]}
    assert "2\u00a0écoles" in rows(table)[3].problems[0]["message"]
    amend(table, 3, set_aside=True)
    assert told(table) == {3: ["set_aside"]}


def test_rows_of_an_address_of_many_schools_are_left_alone_until_these_are_few(pool, monkeypatch):
    monkeypatch.setattr(addresses, "MANY", 3)
    schools = SchoolFactory.create_batch(6, email="")
    table = uploaded(pool, listing(*[(school, 1, "mairie@ville.fr") for school in schools]))
    assert "plus de 3" in rows(table)[7].problems[0]["message"]
    assert not amend(table, 2, edits={"email": "a@ville.fr"}).others_changed
    amend(table, 3, edits={"email": "b@ville.fr"})
    assert "plus de 3" in rows(table)[7].problems[0]["message"]
    amend(table, 4, edits={"email": "c@ville.fr"})
    assert "3\u00a0écoles du tableau (voir aussi ligne\u00a05 et ligne\u00a06)" in rows(table)[7].problems[0]["message"]


def test_a_sum_and_an_outlier_come_and_go_with_their_neighbours(pool):
    schools = SchoolFactory.create_batch(6)
    table = uploaded(pool, listing(*zip(schools, (3, 4, 5, 12, 61, 2), strict=True)))
    assert told(table) == {5: ["looks_like_sum"]}
    amend(table, 2, edits={"units": "2"})
    assert told(table) == {}
    assert rows(table)[5].ticked
    amend(table, 2, edits={"units": "3"})
    assert (told(table), rows(table)[5].ticked) == ({5: ["looks_like_sum"]}, False)
    for number in (3, 4, 5):
        amend(table, number, edits={"units": "3"})
    assert (told(table), rows(table)[6].ticked) == ({6: ["huge"]}, False)


def test_a_tick_is_kept_and_a_warning_that_went_ticks_again(pool):
    one, two = SchoolFactory.create_batch(2)
    SchoolInRemitFactory(school=one, classes=3)
    SchoolInRemitFactory(school=two, classes=3)
    table = uploaded(pool, listing((one, 4), (two, 3)))
    assert told(table) == {2: ["more_than_classes"]}
    assert not rows(table)[2].ticked
    assert amend(table, 2, edits={"units": "3"}).ticked
    amend(table, 3, ticked=False)
    assert not amend(table, 3, edits={"email": "a@b.fr"}).ticked
    amend(table, 2, edits={"units": "4"}, ticked=True)
    assert amend(table, 2, edits={"email": "c@d.fr"}).ticked


def test_schools_outside_the_remit_are_added_all_at_once(pool):
    SchoolInRemitFactory()
    schools = SchoolFactory.create_batch(3)
    table = uploaded(pool, listing(*[(school, 1) for school in schools]))
    assert queries.codes_of(table) == {"outside_remit": 3}
    text = rows(table)[4].uai
    assert operations.add_all_to_remit(import_id=table.pk, text=text, **NOW) == 1
    assert told(table) == {2: ["outside_remit"], 3: ["outside_remit"]}
    assert operations.add_all_to_remit(import_id=table.pk, **NOW) == 2
    assert told(table) == {}
    assert SchoolInRemit.objects.count() == 4
    assert operations.add_all_to_remit(import_id=table.pk, **NOW) == 0


def test_likely_proposals_are_taken_all_at_once_and_close_calls_are_left(pool):
    first, second, third = SchoolFactory.create_batch(3)
    table = uploaded(pool, listing(("x", 1), ("y", 2), ("z", 3)))
    proposing(table, 2, (first, 0.95), (second, 0.5))
    proposing(table, 3, (second, 0.95), (third, 0.93))
    proposing(table, 4, (third, 0.6))
    assert operations.accept_proposals(import_id=table.pk, **NOW) == 1
    found = rows(table)
    assert [found[number].uai for number in (2, 3, 4)] == [first.uai, "", ""]
    assert (found[2].how, found[2].ticked) == ("chosen", True)
    assert operations.accept_proposals(import_id=table.pk, **NOW) == 0


def test_all_rows_with_a_code_are_put_aside_kept_waiting_or_ticked(pool):
    nursery = SchoolFactory.create_batch(2, has_elementary=False)
    table = uploaded(pool, listing((nursery[0], 1), (nursery[1], 1), ("0010001W", 1), ("0010002X", 1), ("x", 1)))
    assert operations.tick_all(import_id=table.pk, ticked=True, code="no_elementary") == 2
    assert operations.tick_all(import_id=table.pk, ticked=True, code="unknown_school") == 0
    assert operations.await_all(import_id=table.pk, **NOW) == 2
    assert operations.put_all_aside(import_id=table.pk, code="no_elementary", **NOW) == 2
    assert told(table) == {
        2: ["set_aside"], 3: ["set_aside"], 4: ["awaited"], 5: ["awaited"], 6: ["uai_invalid"],
    }  # fmt: skip
    assert not any(row.ticked for row in rows(table).values())
    assert operations.await_all(import_id=table.pk, **NOW) == operations.put_all_aside(
        import_id=table.pk, code="no_elementary", **NOW
    )


def test_rows_are_narrowed_by_verdict_code_words_tick_and_sheet(pool):
    school, nursery = SchoolFactory(commune="Alès"), SchoolFactory(has_elementary=False)
    table = uploaded(pool, listing((school, 1), (nursery, 1), ("x", 1)))

    def numbers(**filters):
        return list(queries.rows(table, **filters).values_list("number", flat=True))

    assert numbers() == numbers(verdict="", code="", text=" ", ticked=None, sheet=None, altered=False) == [2, 3, 4]
    assert numbers(verdict="error") == numbers(code="uai_invalid") == [4]
    assert numbers(text="ales") == numbers(ticked=True) == [2]
    assert numbers(ticked=False) == numbers(to_settle=True) == [3, 4]
    assert numbers(verdict="autre") == numbers(code="x\0") == numbers(verdict="new", code="uai_invalid") == []
    assert (numbers(sheet=0), numbers(sheet=1), numbers(altered=True)) == ([2, 3, 4], [], [])


def test_the_rows_that_the_lot_is_too_small_for_are_listed(pool):
    schools = SchoolFactory.create_batch(3)
    table = uploaded(pool, listing(*zip(schools, (60, 30, 20), strict=True)))
    tally = queries.tally(table)
    assert (tally.missing, tally.beyond, tally.rows_beyond) == (10, (0, 4), 1)
    assert [row.number for row in queries.rows_beyond(table)] == [4]
    amend(table, 2, ticked=False)
    assert list(queries.rows_beyond(table)) == []


def test_a_correction_takes_as_many_queries_in_a_large_table_as_in_a_small_one(pool):
    def statements(count):
        schools = SchoolFactory.create_batch(count, email="")
        table = uploaded(pool, listing(*[(school, 1, "mairie@ville.fr") for school in schools]))
        with CaptureQueriesContext(connection) as captured:
            amend(table, 2, edits={"email": "a@b.fr"})
            operations.put_all_aside(import_id=table.pk, code="email_shared", **NOW)
        return len(captured)

    assert statements(3) == statements(30)
