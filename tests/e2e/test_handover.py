"""A handover in a browser: the new principal asks, the school's mailbox confirms, the old one loses access."""

import re

import pytest
from playwright.sync_api import expect

from licensing.entitlements import operations
from tests.conftest import TERM
from tests.e2e.page_checks import find_problems_at_both_widths
from tests.e2e.sessions import create_session
from tests.emails import list_emails, render_email
from tests.entitlements.school_scenario import SchoolScenario

LINK = re.compile(r"https?://[^/\s]+(/\S+)")


@pytest.fixture
def jaures(committing):
    return SchoolScenario()


@pytest.mark.parametrize(
    "scripts", [pytest.param(True, marks=pytest.mark.journey), False], ids=["with-scripts", "without-scripts"]
)
def test_a_school_is_handed_over_through_its_mailbox(jaures, site, scripts):
    _, subscription = jaures.subscription(units=3)
    teacher = jaures.teacher()
    operations.assign(subscription_id=subscription.pk, teacher=teacher, by=jaures.principal, at=TERM)
    successor = jaures.add_principal()

    asks = site.person(scripts=scripts, session=create_session(site, successor))
    page = asks.open("/mon-compte/")
    expect(page.locator("main")).not_to_contain_text(teacher.email)
    if scripts:
        assert find_problems_at_both_widths(asks) == []
    page.get_by_role("button", name="Je prends la direction de cet établissement").click()
    expect(page.locator("main")).to_contain_text(jaures.school.email)

    # Whoever reads the school's mailbox needs no account.
    [email] = [render_email(message) for message in list_emails(recipient=jaures.school.email)]
    mailbox = site.person(scripts=scripts, width="phone")
    page = mailbox.open_link(LINK.search(email.text)[1], scripts=scripts)
    expect(page.locator("main")).to_contain_text(successor.username)
    if scripts:
        assert find_problems_at_both_widths(mailbox) == []
    page.get_by_label(re.compile("remplace")).check()
    page.get_by_role("button", name=re.compile("^Confirmer")).click()
    expect(page.locator("h1")).to_have_text("C’est confirmé")

    page = asks.open("/mon-compte/")
    expect(page.locator("#licences")).to_contain_text("1 sur 3")
    expect(page.locator("#licences")).to_contain_text(teacher.email)
    before = site.person(scripts=scripts, session=create_session(site, jaures.principal)).open("/mon-compte/")
    expect(before.locator("main")).not_to_contain_text(teacher.email)
    received = list_emails(recipient=jaures.principal.email)
    assert any("vous remplace" in render_email(message).subject for message in received)
