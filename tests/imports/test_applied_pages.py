"""Once applied, an import leads to its own allocations, e-mails and rows, and says what is still to be sent."""

import pytest
from django.urls import reverse

from mailing.models import Message, MessageState
from tests.conftest import TERM
from tests.factories.schools import SchoolFactory
from tests.imports.actions import confirm_and_apply, upload_and_parse
from tests.imports.pages import import_url, page_text
from tests.imports.sample_files import schools_csv

pytestmark = pytest.mark.slow


def office_url(name, number):
    return f"{reverse(name, urlconf='config.urls_tenant')}?import={number}"


def apply_two_imports(pool):
    """Apply an import of one school, then one that grows it and adds another; return the schools and the imports."""
    known, new = SchoolFactory(name="École Connue"), SchoolFactory(name="École Nouvelle")
    first = confirm_and_apply(upload_and_parse(pool, schools_csv((known, 1)), filename="a.csv"))
    second = confirm_and_apply(upload_and_parse(pool, schools_csv((known, 3), (new, 2)), filename="b.csv"))
    return known, new, first, second


def test_an_applied_import_leads_to_its_own_allocations(officer, pool):
    known, new, first, second = apply_two_imports(pool)
    page = page_text(officer.get(import_url("detail", second.pk)))
    assert f'href="{office_url("pools:allocations", second.pk)}"' in page
    for number, uais in ((second.pk, {new.uai}), (first.pk, {known.uai}), (10**30, set())):
        listed = page_text(officer.get(office_url("pools:allocations", number)))
        assert "Seulement les attributions faites par un même import" in listed
        assert {one.uai for one in (known, new) if one.uai in listed} == uais, number


def test_an_applied_import_leads_to_its_own_emails_those_of_grown_schools_too(officer, pool):
    known, new, _, second = apply_two_imports(pool)
    Message.objects.filter(context={}, about__contains=known.uai).update(created_at=TERM.replace(year=2025))
    page = page_text(officer.get(import_url("detail", second.pk)))
    assert f'href="{office_url("messages:list", second.pk)}"' in page
    third = confirm_and_apply(upload_and_parse(pool, schools_csv((SchoolFactory(), 2)), filename="c.csv"))
    for number, recipients in ((second.pk, {known.email, new.email}), (10**30, set())):
        listed = officer.get(office_url("messages:list", number))
        assert sorted(message.recipient for message in listed.context["table"].data) == sorted(recipients), number
    assert len(officer.get(office_url("messages:list", third.pk)).context["table"].data) == 1


@pytest.mark.small
def test_an_applied_import_counts_the_emails_that_are_still_to_be_sent(officer, pool):
    schools = SchoolFactory.create_batch(3)
    spreadsheet_import = confirm_and_apply(upload_and_parse(pool, schools_csv(*((one, 1) for one in schools))))
    address = import_url("detail", spreadsheet_import.pk)

    def read_page():
        return " ".join(page_text(officer.get(address)).split())

    assert "<strong>3 e-mails</strong>, dont 3 pas encore envoyés" in read_page()
    Message.objects.filter(recipient=schools[0].email).update(state=MessageState.SENT, sent_at=TERM)
    assert "<strong>3 e-mails</strong>, dont 2 pas encore envoyés" in read_page()
    Message.objects.update(state=MessageState.SENT, sent_at=TERM)
    assert "<strong>3 e-mails</strong>, aucun n’attend plus d’être envoyé" in read_page()


def test_the_rows_that_were_applied_are_read_on_a_page(officer, pool):
    known, new, _, second = apply_two_imports(pool)
    assert "Voir les 2 lignes appliquées" in " ".join(page_text(officer.get(import_url("detail", second.pk))).split())
    page = " ".join(page_text(officer.get(import_url("applied_rows", second.pk))).split())
    for school, words in ((known, "Augmentée"), (new, "Attribuée")):
        assert words in page[page.index(school.uai) :].partition("</tr>")[0]
    assert "(en avait 1)" in page
    waiting = upload_and_parse(pool, schools_csv((SchoolFactory(), 1)), filename="c.csv")
    assert officer.get(import_url("applied_rows", waiting.pk)).status_code == 302
