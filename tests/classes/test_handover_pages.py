"""The pages on which pupils are handed over and received."""

import re

import pytest
from django.utils import timezone

from licensing.classes import handovers
from licensing.classes.models import PupilHandover
from tests.classes.class_page import get_state_token
from tests.classes.handover_acts import prepare
from tests.classes.two_years import SEPTEMBER, TwoYears
from tests.factories.accounts import TeacherFactory

pytestmark = pytest.mark.slow


@pytest.fixture
def years(db):
    return TwoYears(pupils=4)


@pytest.fixture
def colleague(years):
    """A class of the new year, of another teacher of the school."""
    return years.colleague_class()


@pytest.fixture
def open_as(portal, monkeypatch):
    """A function that signs a teacher in, in September."""
    monkeypatch.setattr("django.utils.timezone.now", lambda: SEPTEMBER)

    def sign_in(user):
        portal.force_login(user)
        return portal

    return sign_in


def url(classroom, rest=""):
    return f"/mes-classes/{classroom.pk}/{rest}"


def page(answer):
    return answer.content.decode().replace("\u00a0", " ")


@pytest.mark.small
def test_a_whole_class_is_ticked_at_once_but_for_those_who_wait(years, open_as):
    browser = open_as(years.teacher)
    bare = page(browser.get(url(years.classroom, "confier/")))
    assert "Tout cocher" in bare
    assert " checked" not in bare
    prepare(years, numbers=[1])
    ticked = page(browser.get(url(years.classroom, "confier/?cocher=tous")))
    assert ticked.count(" checked") == 3
    assert "Tout décocher" in ticked
    assert " checked" not in page(browser.get(url(years.classroom, "confier/?cocher=999999999999")))


def test_from_the_tick_to_the_colleague_s_class(years, colleague, open_as, caplog):
    browser = open_as(years.teacher)
    state = get_state_token(browser.get(url(years.classroom, "confier/")))
    assert browser.post(url(years.classroom, "confier/"), {"etat": "0", "eleve": ["1"]}).status_code == 409
    assert browser.post(url(years.classroom, "confier/"), {"etat": state}).status_code == 409
    made = browser.post(url(years.classroom, "confier/"), {"etat": state, "eleve": ["1", "2"]})
    code = re.search(r"<code>([0-9A-Z-]{9})</code>", page(browser.get(made.url)))[1]
    assert "no-store" in browser.get(made.url)["Cache-Control"]
    assert browser.get(f"{made.url}feuille/")["Content-Type"] == "application/pdf"
    assert "2 élèves confiés par un code" in page(browser.get(url(years.classroom)))
    assert "Confié par un code" in page(browser.get(url(years.classroom, "confier/")))

    browser = open_as(colleague.seat.holder)
    looked = browser.post(url(colleague, "recevoir/"), {"code": code})
    assert f"2 élèves de la classe « CE1 B », confiés par {years.teacher}" in page(looked)
    assert years.classroom.pupils.count() == 4
    done = browser.post(url(colleague, "recevoir/"), {"code": code, "accepter": "oui"}, follow=True)
    assert "2 élèves ont rejoint votre classe" in page(done)
    again = browser.post(url(colleague, "recevoir/"), {"code": code, "accepter": "oui"})
    assert again.status_code == 409
    assert "Ce code ne correspond à aucun élève confié" in page(again)
    assert code not in caplog.text


def test_a_code_is_taken_back_from_its_page(years, colleague, open_as):
    handover, _ = prepare(years)
    path = url(years.classroom, f"confier/{handover.pk}/")
    stranger = open_as(colleague.seat.holder)
    for rest in ("", "feuille/"):
        assert stranger.get(f"{path}{rest}").status_code == 404
    assert stranger.post(f"{path}reprendre/").status_code == 404
    # Another's handover, through a class of one's own.
    assert stranger.get(url(colleague, f"confier/{handover.pk}/")).status_code == 404
    assert stranger.post(url(colleague, f"confier/{handover.pk}/reprendre/")).status_code == 404
    for number in (0, 10**12):
        assert stranger.get(url(colleague, f"confier/{number}/")).status_code == 404
    browser = open_as(years.teacher)
    done = browser.post(f"{path}reprendre/", follow=True)
    assert "le code est repris" in page(done)
    for rest in ("", "feuille/"):
        ended = browser.get(f"{path}{rest}", follow=True)
        assert ended.redirect_chain == [(url(years.classroom), 302)]
        assert "les élèves sont restés dans cette classe" in page(ended)


def test_the_address_of_a_code_that_served_or_expired_says_so(years, colleague, open_as):
    handover, code = prepare(years)
    path = url(years.classroom, f"confier/{handover.pk}/")
    browser = open_as(years.teacher)
    PupilHandover.objects.filter(pk=handover.pk).update(expires_at=timezone.now())
    assert "Ce code n’a pas servi avant le" in page(browser.get(path, follow=True))
    PupilHandover.objects.filter(pk=handover.pk).update(expires_at=handover.expires_at)
    open_as(colleague.seat.holder).post(url(colleague, "recevoir/"), {"code": code, "accepter": "oui"})
    shown = page(open_as(years.teacher).get(path, follow=True))
    assert "élèves ont rejoint la classe d’un collègue" in shown
    assert code not in shown


def test_a_stranger_receives_nothing_and_is_slowed_down(years, colleague, open_as):
    browser = open_as(TeacherFactory())
    assert browser.post(url(colleague, "recevoir/"), {"code": "7K3M-Q9TX"}).status_code == 404
    browser = open_as(colleague.seat.holder)
    for _ in range(10):
        code = handovers.display_code(handovers.generate_code())
        assert browser.post(url(colleague, "recevoir/"), {"code": code}).status_code == 409
    refused = browser.post(url(colleague, "recevoir/"), {"code": code})
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0
