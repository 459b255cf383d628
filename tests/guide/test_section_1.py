"""The printed guide, section 1, « Fonctionnement de Pep's »: one test a sentence.

`docs/guide-phrase-par-phrase.md` maps each sentence to its test.
"""

import pytest

from licensing.classes import operations as classes
from licensing.classes import pupils
from tests.conftest import TERM
from tests.guide.scenario import account_text, page_text


def test_selon_le_principe_1_cle_1_classe_1_enseignant_30_comptes_eleves(portal):
    answers = page_text(portal.get("/faq/"))
    assert "1 licence = 1 classe = 1 enseignant + 30 comptes élèves" in answers
    assert "« 1 clé = 1 classe »" in answers
    guide = page_text(portal.get("/aide/chef-etablissement/"))
    assert "1 licence = 1 classe = 1 enseignant + 30 comptes élèves" in guide
    assert "écrit « 1 clé = 1 classe » : il parle d'une clé d'une seule licence" in guide


@pytest.mark.slow
def test_une_licence_pour_3_classes_conferant_3_cles_d_activation(story):
    subscription = story.redeem_key(units=3)
    assert subscription.seats.count() == 3
    assert "0 sur 3" in account_text(story.principal)


@pytest.mark.slow
def test_les_distribuer_a_trois_enseignants_qui_creent_chacun_30_comptes_eleves(story):
    subscription = story.redeem_key(units=3)
    for teacher in [story.teacher() for _ in range(3)]:
        story.assign_seat(subscription, teacher)
        seat = teacher.seats.get()
        classroom = classes.open_class(seat_id=seat.pk, by=teacher, name="CE1", at=TERM)
        assert len(pupils.add_pupils(classroom_id=classroom.pk, count=30, by=teacher, at=TERM)) == 30
        assert seat.subscription.key.entitlement.last_day.strftime("%d/%m") == "31/08"
    assert "3 sur 3" in account_text(story.principal)
