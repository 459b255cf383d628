"""Requests for licences on the pages of school and collectivity: counts and states, not what was written."""

from tests.factories.accounts import OperatorFactory
from tests.requests.asking_school import REASON, AskingSchool, refuse
from tests.sites.portal.my_account_page import visible_text


def test_the_pages_of_school_and_collectivity_say_what_was_asked_and_how_it_stands(nimes, portal):
    first, second = AskingSchool(name="École Marie Curie"), AskingSchool()
    first.ask()
    refuse(second.ask(units=2))
    portal.force_login(OperatorFactory(), confirmed=True)
    office = visible_text(portal.get(f"/admin/clients/collectivite/{nimes.pk}/"))
    assert "École Marie Curie (Nîmes) 3 licences pour 2026-2027, le 24 novembre 2026 : en attente" in office
    assert "2 licences pour 2026-2027, le 24 novembre 2026 : refusée" in office
    school = visible_text(portal.get(f"/admin/clients/ecole/{first.school.pk}/"))
    assert "la Ville de Nîmes 3 licences pour 2026-2027" in school
    for page in (office, school):
        assert REASON not in page
        assert first.principal.last_name not in page.partition("Contacts")[0]
