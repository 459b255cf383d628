"""The page of a school: what it holds is changed there, and whom the office writes to."""

import datetime

import pytest
from django.utils import timezone

from collectivities.capabilities import Role
from collectivities.models import PortfolioSchool
from core.formatting import long_moment
from licensing.orders import operations as orders
from licensing.pools.models import Allocation
from licensing.pools.reductions import revoke
from mailing.models import Message, MessageState
from tests.factories.accounts import PrincipalFactory
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.licensing import PoolFactory
from tests.guide.scenario import page_text
from tests.pools.actions import allocate_units, mark_redeemed, mark_sent

NOW = timezone.now()


@pytest.fixture
def pool(nimes):
    return orders.grant(collectivity=nimes, licences=50, reason="Essai", name="Lot A", by=None, at=NOW)


@pytest.fixture
def row(nimes):
    return PortfolioSchoolFactory(school__name="École Zola", classes=5, contact_email="zola@exemple.example")


@pytest.fixture
def browse(nimes, office):
    """Return the browser of a member with these roles."""
    return lambda *roles: office("nimes", MemberFactory(roles=list(roles)).user)


@pytest.mark.slow
def test_a_lost_e_mail_is_shown_and_its_address_corrected_on_the_page(pool, row, browse):
    allocation = allocate_units(pool, row.school, units=5, recipient="zloa@exemple.example", at=NOW)
    mark_sent(MessageState.BOUNCED)
    manager, address = browse(Role.MANAGER), f"/ecoles/{row.school_id}/"
    assert "L'e-mail pour zloa@exemple.example n'est pas arrivé" in page_text(manager.get(address))
    form = {"recipient": "zola@exemple.example", "page": "school"}
    answer = manager.post(f"/attributions/{allocation.pk}/renvoyer/", form, follow=True)
    assert answer.redirect_chain == [(address, 302)]
    assert "La même clé part pour zola@exemple.example" in page_text(answer)
    assert "n'est pas arrivé" not in page_text(answer)
    assert Allocation.objects.get().recipient == "zola@exemple.example"
    answer = manager.post(f"/attributions/{allocation.pk}/renvoyer/", form | {"recipient": "zola@"}, follow=True)
    assert answer.redirect_chain == [(address, 302)]
    assert Message.objects.filter(state=MessageState.QUEUED).count() == 1


@pytest.mark.slow
def test_a_cancelled_e_mail_does_not_hide_that_the_one_before_was_lost(pool, row, browse):
    allocate_units(pool, row.school, units=5, at=NOW)
    mark_sent(MessageState.BOUNCED)
    message = Message.objects.get()
    message.pk, message.state = None, MessageState.CANCELLED
    message.save(force_insert=True)
    assert "n'est pas arrivé" in page_text(browse(Role.MANAGER).get(f"/ecoles/{row.school_id}/"))


@pytest.mark.slow
def test_the_licences_of_an_unredeemed_key_are_taken_back_from_the_page(pool, row, browse):
    allocation = allocate_units(pool, row.school, units=5, at=NOW)
    manager, address = browse(Role.MANAGER), f"/ecoles/{row.school_id}/"
    assert "Reprendre les licences" in page_text(manager.get(address))
    asked = page_text(manager.post("/attributions/actions/", {"ids": allocation.pk, "action": "reprendre"}))
    assert "5 licences" in asked
    mark_redeemed(allocation, PrincipalFactory())
    assert "Reprendre les licences" not in page_text(manager.get(address))


@pytest.mark.slow
def test_what_was_taken_back_is_given_back_from_the_page_within_the_hour(pool, row, browse):
    allocation = allocate_units(pool, row.school, units=5, at=NOW)
    mark_sent()
    manager, address = browse(Role.MANAGER), f"/ecoles/{row.school_id}/"
    revoke(allocation_id=allocation.pk, by=None, at=timezone.now())
    assert "5 licences du lot « Lot A » ont été reprises" in page_text(manager.get(address))
    assert "ont été reprises" not in page_text(browse(Role.VIEWER).get(address))
    form = {"page": "school"}
    answer = manager.post(f"/attributions/{allocation.pk}/annuler-la-reprise/", form, follow=True)
    assert answer.redirect_chain == [(address, 302)]
    assert "ont été reprises" not in page_text(answer)
    Allocation.objects.update(revoked_at=NOW - datetime.timedelta(hours=2))
    assert "ont été reprises" not in page_text(manager.get(address))


@pytest.mark.slow
def test_a_corrected_address_is_kept_for_the_next_keys_if_asked(pool, row, browse):
    allocation = allocate_units(pool, row.school, units=5, recipient="zloa@exemple.example", at=NOW)
    manager, form = browse(Role.MANAGER), {"recipient": "roux@exemple.example", "page": "school"}
    manager.post(f"/attributions/{allocation.pk}/renvoyer/", form)
    row.refresh_from_db()
    assert row.contact_email == "zola@exemple.example"
    again = {"recipient": "direction@exemple.example", "page": "school", "keep": "on"}
    answer = manager.post(f"/attributions/{allocation.pk}/renvoyer/", again, follow=True)
    assert "Les prochaines y partiront aussi" in page_text(answer)
    row.refresh_from_db()
    assert (row.contact_email, row.classes) == ("direction@exemple.example", 5)
    row.delete()
    elsewhere = manager.post(
        f"/attributions/{allocation.pk}/renvoyer/", again | {"recipient": "a@exemple.example"}, follow=True
    )
    assert "La même clé part pour a@exemple.example." in page_text(elsewhere)
    assert "Les prochaines" not in page_text(elsewhere)


@pytest.mark.slow
def test_what_is_to_come_stands_where_it_was_decided(pool, row, browse):
    due = timezone.now() + datetime.timedelta(days=9)
    allocate_units(pool, row.school, units=5, at=NOW)
    Message.objects.update(due_at=due)
    shown = page_text(browse(Role.MANAGER).get(f"/ecoles/{row.school_id}/"))
    when = long_moment(timezone.localtime(due)).replace("\xa0", " ")
    assert f"en attente, prévu le {when}" in shown


@pytest.mark.slow
def test_what_is_over_has_no_field(pool, row, browse):
    revoke(allocation_id=allocate_units(pool, row.school, units=5, at=NOW).pk, by=None, at=NOW)
    page = browse(Role.MANAGER).get(f"/ecoles/{row.school_id}/").content.decode()
    assert 'name="units"' not in page
    assert "Ce qu’elle a reçu avant" in page


@pytest.mark.slow
def test_a_redeemed_key_has_a_field_and_nothing_to_send(pool, row, browse):
    mark_redeemed(allocate_units(pool, row.school, units=5, at=NOW), PrincipalFactory())
    page = browse(Role.MANAGER).get(f"/ecoles/{row.school_id}/").content.decode()
    assert 'name="units"' in page
    assert 'name="recipient"' not in page
    assert "/relancer/" not in page


@pytest.mark.slow
@pytest.mark.parametrize("role", [Role.MANAGER, Role.DATA_OFFICER])
def test_contact_and_classes_are_changed_on_the_page(row, browse, role):
    form = {"contact_name": "Mme Roux", "contact_email": "roux@exemple.example", "contact_phone": "", "classes": "7"}
    answer = browse(role).post(f"/ecoles/{row.school_id}/contact/", form, follow=True)
    assert answer.redirect_chain == [(f"/ecoles/{row.school_id}/", 302)]
    assert "Le contact et le nombre de classes de l'École Zola sont enregistrés" in page_text(answer)
    row.refresh_from_db()
    assert (row.contact_name, row.contact_email, row.classes) == ("Mme Roux", "roux@exemple.example", 7)


@pytest.mark.slow
def test_a_new_contact_says_that_the_key_was_not_sent_to_it_and_offers_to_send_it(pool, row, browse):
    allocation = allocate_units(pool, row.school, units=5, recipient="zola@exemple.example", at=NOW)
    mark_sent()
    manager, address = browse(Role.MANAGER), f"/ecoles/{row.school_id}/"
    assert "Renvoyer la clé à" not in page_text(manager.get(address))
    form = {"contact_name": "Mme Roux", "contact_email": "roux@exemple.example", "contact_phone": "", "classes": "7"}
    page = page_text(manager.post(f"{address}contact/", form, follow=True))
    assert "La clé n'a pas été envoyée de nouveau" in page
    assert "La clé a été envoyée à zola@exemple.example ; elle n'a pas été envoyée à roux@exemple.example" in page
    assert "Renvoyer la clé à roux@exemple.example" in page
    page = page_text(browse(Role.DATA_OFFICER).get(address))
    assert "Renvoyer la clé à" not in page
    assert "Pour la lui faire envoyer, écrivez à " in page
    sending = {"recipient": "roux@exemple.example", "page": "school"}
    page = page_text(manager.post(f"/attributions/{allocation.pk}/renvoyer/", sending, follow=True))
    assert "Renvoyer la clé à" not in page
    assert Message.objects.latest("pk").recipient == "roux@exemple.example"


@pytest.mark.slow
def test_more_licences_than_classes_are_reported_on_the_page(pool, row, browse):
    allocate_units(pool, row.school, units=5, at=NOW)
    viewer, address = browse(Role.VIEWER), f"/ecoles/{row.school_id}/"
    assert "vérifiez le nombre de licences" not in page_text(viewer.get(address))
    PortfolioSchool.objects.update(classes=4)
    assert "5 licences pour 4 classes : vérifiez le nombre de licences" in page_text(viewer.get(address))


def test_a_refused_contact_is_summed_up_above_with_a_link_to_the_field(row, browse):
    answer = browse(Role.MANAGER).post(f"/ecoles/{row.school_id}/contact/", {"contact_email": "roux", "classes": "7"})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert 'href="#id_contact_email"' in page
    assert "Le contact n’est pas enregistré." in page
    assert PortfolioSchool.objects.get().classes == 5


@pytest.mark.slow
def test_who_may_only_read_has_no_form_on_the_page(pool, row, browse):
    allocate_units(pool, row.school, units=5, at=NOW)
    viewer = browse(Role.VIEWER)
    page = viewer.get(f"/ecoles/{row.school_id}/").content.decode()
    assert "zola@exemple.example" in page
    assert page.count("<form") == 2  # to sign out, in the bar and in its menu
    assert viewer.post(f"/ecoles/{row.school_id}/contact/", {"classes": "7"}).status_code == 403


@pytest.mark.slow
def test_a_school_outside_the_portfolio_is_added_from_its_page(pool, row, browse):
    PortfolioSchool.objects.all().delete()
    manager = browse(Role.MANAGER)
    assert "L’ajouter au périmètre" in manager.get(f"/ecoles/{row.school_id}/").content.decode()
    manager.post("/ecoles/ajouter/", {"uai": row.school_id})
    assert PortfolioSchool.objects.get().school_id == row.school_id


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 8])
def test_the_page_asks_as_much_for_one_allocation_as_for_eight(row, browse, count, django_assert_num_queries):
    for _ in range(count):
        allocate_units(PoolFactory(), row.school, units=1, at=NOW)
    manager = browse(Role.MANAGER)
    manager.get(f"/ecoles/{row.school_id}/")
    with django_assert_num_queries(16):
        manager.get(f"/ecoles/{row.school_id}/")
