"""A class goes on, and pupils change teacher, in Chromium, with scripts and without."""

import datetime

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from licensing.classes.models import Classroom
from tests.classes.class_rows import create_class, create_principal, create_subscription, hold_seat
from tests.conftest import TERM
from tests.e2e.guide_pictures import keep_picture
from tests.e2e.page_checks import find_problems_at_both_widths
from tests.e2e.sessions import create_session
from tests.factories.accounts import TeacherFactory
from tests.factories.schools import SchoolFactory


class TurnOfYear:
    """A teacher whose licence ended yesterday, with one of the new year; a colleague with an empty class."""

    def __init__(self):
        today = timezone.localdate()
        new = {"first_day": today, "last_day": datetime.date(today.year + 2, 8, 31)}
        school = SchoolFactory(name="ÉCOLE DES TILLEULS")
        self.teacher, self.colleague = TeacherFactory(), TeacherFactory()
        ended = create_subscription(school=school, first_day=TERM.date(), last_day=today - datetime.timedelta(days=1))
        current = create_subscription(school=school, size=2, **new)
        self.principal = create_principal(school)
        self.classroom = create_class(hold_seat(ended, by=self.teacher), pupils=12, name="CE1 B")
        hold_seat(current, by=self.teacher)
        self.joined = create_class(hold_seat(current, by=self.colleague, number=2), name="CE2 A")

    def url(self, rest=""):
        return f"/mes-classes/{self.classroom.pk}/{rest}"


@pytest.fixture
def turn(committing):
    return TurnOfYear()


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_pupils_are_handed_over_and_the_class_goes_on(turn, site, scripts):
    giver = site.person(scripts=scripts, session=create_session(site, turn.teacher))
    page = giver.open("/mon-compte/")
    expect(page.get_by_text("peuvent vous suivre dans l’année nouvelle")).to_be_visible()
    if scripts:
        assert find_problems_at_both_widths(giver) == []

    page = giver.open(turn.url())
    if scripts:
        assert find_problems_at_both_widths(giver) == []
    page.get_by_role("link", name="Confier à un collègue").click()
    for number in (4, 5):
        page.get_by_role("checkbox", name=f"n° {number}").check()
    if scripts:
        assert find_problems_at_both_widths(giver) == []
        keep_picture(page, "enseignant-confier")
    page.get_by_role("button", name="Préparer le code").click()
    code = page.locator(".handover-code code").inner_text()
    if scripts:
        assert find_problems_at_both_widths(giver) == []
        with page.expect_download() as sheet:
            page.get_by_role("link", name="Télécharger la feuille").click()
        assert sheet.value.path().read_bytes().startswith(b"%PDF-")

    taker = site.person(scripts=scripts, session=create_session(site, turn.colleague))
    page = taker.open(f"/mes-classes/{turn.joined.pk}/")
    page.get_by_label("Code donné par votre collègue").fill("7K3M-Q9TY")
    page.get_by_role("button", name="Voir les élèves").click()
    expect(page.get_by_text("Ce code comporte une faute de frappe")).to_be_visible()
    if scripts:
        assert find_problems_at_both_widths(taker) == []
    page.get_by_label("Code donné par votre collègue").fill(code.lower().replace("-", " "))
    page.get_by_role("button", name="Voir les élèves").click()
    expect(page.get_by_text("2 élèves de la classe « CE1 B »")).to_be_visible()
    if scripts:
        assert find_problems_at_both_widths(taker) == []
    page.get_by_role("button", name="Recevoir dans ma classe").click()
    expect(page.get_by_text("2 élèves ont rejoint votre classe")).to_be_visible()

    page = giver.open(turn.url("emmener/"))
    page.get_by_label("Nom de la classe").fill("CE2 B")
    page.get_by_role("checkbox", name="n° 3").uncheck()
    if scripts:
        assert find_problems_at_both_widths(giver) == []
        keep_picture(page, "enseignant-emmener")
    page.get_by_role("button", name="Emmener ma classe").click()
    expect(page.get_by_role("heading", name="CE2 B")).to_be_visible()
    expect(page.get_by_text("avec 9 élèves")).to_be_visible()
    assert sorted(Classroom.objects.values_list("name", flat=True)) == ["CE1 B", "CE2 A", "CE2 B"]
    giver.open("/mes-classes/")
    if scripts:
        assert find_problems_at_both_widths(giver) == []


def test_past_years_fold_for_a_teacher_and_for_a_principal(turn, site):
    for person, path in ((turn.teacher, "/mon-compte/"), (turn.principal, "/mon-compte/licences/")):
        visit = site.person(session=create_session(site, person))
        page = visit.open(path)
        past = page.locator("details", has_text="Années passées").last
        assert past.evaluate("one => !one.open")
        assert find_problems_at_both_widths(visit) == []
        past.locator("summary").click()
        expect(past.locator(".badge", has_text="Terminé").first).to_be_visible()
        assert find_problems_at_both_widths(visit) == []
