"""The weekly letter: what it says, and what it costs."""

import datetime

import pytest

from licensing.entitlements.models import Entitlement
from licensing.orders import operations as orders
from licensing.pools.positions import list_pool_positions
from mailing import mime
from mailing.models import Message, MessageState
from sites.office import weekly_letter
from sites.office.weekly_letter import find_week_events
from tests.conftest import TERM
from tests.emails import BOUNCE_FIELDS
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units
from tests.sites.office.weekly_letter.letters import (
    DAY,
    MONDAY,
    give_back,
    list_letters,
    read,
    upload_table,
)

pytestmark = pytest.mark.slow


def test_the_letter_says_what_the_home_page_says_with_a_link_to_each_place(pool, manager, clock):
    lost = allocate_units(pool, SchoolFactory(), units=3)
    Message.objects.filter(topic_id=lost.pk).update(state=MessageState.BOUNCED, **BOUNCE_FIELDS)
    assert weekly_letter.run(at=MONDAY) == 1
    letter = read(clock)
    assert letter.subject.replace("\xa0", " ") == "Cette semaine au bureau de la Ville de Nîmes : 2 points à voir"
    text = letter.text.replace("\xa0", " ")
    assert text.startswith(
        "Bonjour Nadia,\n\nVoici ce qui attend un geste de votre part au bureau de la Ville de Nîmes."
    )
    assert (
        "- 1 e-mail n'est pas arrivé à son école.\n"
        "  Corriger l'adresse et renvoyer : http://nimes.peps.localhost/attributions/adresses/\n"
    ) in text
    assert ("- 97 licences restent à donner.\n  Distribuer : http://nimes.peps.localhost/distribuer/\n") in text
    assert "parce que vous êtes gestionnaire du bureau de la Ville de Nîmes et que quelque chose y attend" in text
    assert 'href="http://nimes.peps.localhost/attributions/adresses/"' in letter.html


def test_the_letter_offers_its_off_switch_in_one_click(pool, manager, clock):
    weekly_letter.run(at=MONDAY)
    [message] = list_letters()
    composed = mime.compose(message, read(clock), at=MONDAY).message()
    assert composed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert composed["List-Unsubscribe"].startswith("<http://nimes.peps.localhost/mes-e-mails/arreter/")


def test_what_happened_in_the_week_is_in_it(pool, manager, clock):
    give_back(pool)
    PortfolioSchoolFactory()
    PortfolioSchoolFactory()
    # With licences still to give, there is nothing to take from anybody.
    assert not find_week_events(list_pool_positions(), MONDAY).lacks_free_licences
    allocate_units(pool, SchoolFactory(), units=93)
    assert find_week_events(list_pool_positions(), MONDAY).lacks_free_licences
    weekly_letter.run(at=MONDAY)
    text = read(clock).text.replace("\xa0", " ")
    assert "En sept jours, 1 école a rendu 4 licences : elles sont de nouveau libres dans leur lot." in text
    assert (
        "2 écoles de votre périmètre n'ont aucune licence, alors que 6 licences données ne servent pas.\n"
        "  Rééquilibrer : http://nimes.peps.localhost/distribuer/reequilibrer/"
    ) in text
    # A week later the letter has something else to say.
    upload_table(pool)
    assert weekly_letter.run(at=MONDAY + 7 * DAY) == 1
    assert "a rendu" not in read(clock, MONDAY + 7 * DAY).text


@pytest.mark.parametrize(
    ("last_day", "announced"),
    [
        (datetime.date(2026, 12, 29), True),
        (datetime.date(2026, 12, 8), True),
        (datetime.date(2026, 12, 22), False),
        (datetime.date(2027, 8, 31), False),
    ],
)
def test_the_end_of_a_lot_is_announced_four_weeks_and_one_week_before(pool, manager, clock, last_day, announced):
    Entitlement.objects.update(last_day=last_day)
    weekly_letter.run(at=MONDAY)
    assert ("« Lot A » se termine le" in read(clock).text.replace("\xa0", " ")) == announced


def test_a_letter_of_many_lines_leaves_the_others_to_the_home_page(nimes, manager, clock):
    for number in range(14):
        lot = orders.grant(collectivity=nimes, licences=5, reason="Essai", name=f"Lot {number}", by=None, at=TERM)
        Entitlement.objects.filter(pk=lot.entitlement_id).update(suspended_at=TERM)
    weekly_letter.run(at=MONDAY)
    letter = read(clock)
    assert letter.html.count("<li ") == 12
    assert "3 autres points sont sur la page d'accueil du bureau." in letter.text.replace("\xa0", " ")


@pytest.mark.small
@pytest.mark.parametrize("count", [1, 12])
def test_an_office_of_many_members_is_asked_little_more(pool, count, django_assert_max_num_queries):
    for _ in range(count):
        MemberFactory()
    # Three for each member, as each has their own roles; the rest is asked once.
    with django_assert_max_num_queries(35 + 4 * count):
        assert weekly_letter.run(at=MONDAY) == count
