"""« Mes e-mails » and the off switch of a letter, at both widths; the letters as a browser shows them."""

from django_tenants.utils import tenant_context

from collectivities.capabilities import Role
from collectivities.letters import build_stop_url, choose_letters
from collectivities.models import Letter
from tests.conftest import TERM
from tests.e2e.page_checks import assert_no_problems, find_problems_at_both_widths
from tests.factories.collectivities import MemberFactory
from tests.host_client import HostClient


def test_the_pages_of_letters_have_no_problems(committing, site):
    with tenant_context(committing):
        member = MemberFactory(roles=[Role.MANAGER])
        reader = MemberFactory(roles=[Role.VIEWER])
        wanted = "/" + build_stop_url(committing, member.pk, Letter.WEEKLY).split("/", 3)[3]
        stopped = "/" + build_stop_url(committing, member.pk, Letter.RENEWAL).split("/", 3)[3]
        choose_letters(member=member, wanted={Letter.RENEWAL: False}, at=TERM)
    found = {}
    for person in (member, reader):
        client = HostClient("nimes.peps.localhost")
        client.force_login(person.user)
        session = client.session
        session["host"] = f"{client.host}:{site.port}"
        session.save()
        visit = site.person(session=session.session_key, slug="nimes")
        visit.open("/mes-e-mails/", slug="nimes")
        found[str(person.roles)] = find_problems_at_both_widths(visit)
    visitor = site.person()
    for path in (wanted, stopped, "/mes-e-mails/arreter/rien/"):
        visitor.open(path, slug="nimes")
        found[path] = find_problems_at_both_widths(visitor)
    visitor.open(wanted, slug="nimes")
    visitor.page.get_by_role("button", name="Ne plus recevoir cet e-mail").click()
    visitor.page.get_by_text("C’est fait").wait_for()
    assert_no_problems(found)
