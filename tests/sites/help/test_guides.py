"""The guides as pages and PDFs, and the link of each page to its place in them."""

import re

import pytest

from accounts.models import Profile
from collectivities.capabilities import Role
from sites.back_office.urls import OWN_PAGES
from sites.help.guides import GUIDES, make_anchor, render_guide, render_pdf
from sites.help.places import PLACES
from tests.access import policies
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory
from web.frame import HELP_PATH, find_help_path

#: Views of the portal whose help is the list of guides: public pages that explain themselves, and files.
WITHOUT_PLACE = {
    "home", "security_txt", "stripe_webhook", "faq", "contact", "terms_of_sale", "terms_of_sale_version", "credits",
    "legal", "accessibility", "accessibility_grid", "site_map", "help", "guide", "guide_pdf", "application_entry",
    "components", "demo_application", "billing_invoice", "logo", "enrolment_code",
}  # fmt: skip


@pytest.fixture(params=GUIDES, ids=lambda guide: guide.slug)
def guide(request):
    return request.param


def test_a_guide_is_a_page_with_its_contents(guide, portal, django_assert_num_queries):
    with django_assert_num_queries(0):
        page = portal.get(f"/aide/{guide.slug}/").content.decode()
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    sections = render_guide(guide.read()).sections
    assert len(sections) >= 8
    assert all(f'<a href="#{section.anchor}">' in page for section in sections)
    assert "](" not in page
    assert "**" not in page


def test_links_inside_of_the_guides_lead_somewhere(guide, portal):
    body = render_guide(guide.read()).body
    for address in re.findall(r'href="([^"]+)"', body):
        path, _, anchor = address.partition("#")
        page = portal.get(path).content.decode() if path else body
        assert not anchor or f'id="{anchor}"' in page, address


def test_every_picture_of_a_guide_is_served_and_described(guide, portal):
    for picture in re.findall(r"<img[^>]*>", render_guide(guide.read()).body):
        source = re.search(r'src="([^"]+)"', picture)[1]
        assert b"".join(portal.get(source)).startswith(b"\x89PNG"), source
        assert len(re.search(r'alt="([^"]*)"', picture)[1]) > 10


@pytest.mark.slow
def test_a_guide_is_a_pdf_whose_contents_have_its_headings(guide, portal):
    answer = portal.get(f"/aide/{guide.slug}.pdf")
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"].startswith(f'inline; filename="{guide.path.stem}.pdf"')
    assert answer.content == render_pdf(guide.slug)
    assert answer.content.count(b"/Title") == len(render_guide(guide.read()).sections) + 1


def test_html_in_a_guide_is_text():
    page = render_guide("# T\n\n## A\n\n<script>alert(1)</script> [x](javascript:alert(1))\n")
    assert "<script" not in page.body
    assert "href" not in page.body


def test_no_line_of_a_guide_ends_after_the_e_of_e_mail():
    page = render_guide("# T\n\n## L'e-mail\n\nDes e-mails, E-mail : `e-mail`.\n")
    unbroken = '<span class="text-nowrap">e-mail</span>'
    assert f"L'{unbroken}</h2>" in page.body.replace("&#x27;", "'")
    assert f"Des {unbroken}s, {unbroken.replace('e-', 'E-')}" in page.body
    assert "<code>e-mail</code>" in page.body
    assert page.sections[0].title == "L'e-mail"


def test_the_number_of_a_heading_is_no_part_of_its_anchor():
    assert make_anchor("2. L'école d’aujourd'hui") == "l-ecole-d-aujourd-hui"


def list_slugs(page):
    """Return the guides to which a page leads, in its order."""
    return re.findall(r'href="/aide/([a-z-]+)/"', page)


VISITOR = ["chef-etablissement", "enseignant", "collectivite", "referent-donnees"]


def test_the_list_of_guides_leads_a_visitor_to_each_but_the_operator_s(portal, django_assert_num_queries):
    with django_assert_num_queries(0):
        page = portal.get("/aide/").content.decode()
    assert list_slugs(page) == VISITOR
    assert all(f'href="/aide/{slug}.pdf"' in page for slug in VISITOR)
    assert "Élèves et familles" in page
    assert list_slugs(portal.get("/plan-du-site/").content.decode()) == VISITOR


@pytest.mark.parametrize(
    ("profile", "is_staff", "own"),
    [
        (Profile.PRINCIPAL, False, ["chef-etablissement"]),
        (Profile.TEACHER, False, ["enseignant"]),
        (Profile.AGENT, False, ["collectivite", "referent-donnees"]),
        (Profile.AGENT, True, ["exploitant"]),
    ],
)
def test_the_reader_s_own_guides_come_first(portal, profile, is_staff, own, db):
    portal.force_login(UserFactory(profile=profile, is_staff=is_staff))
    expected = own + [slug for slug in VISITOR if slug not in own]
    page = portal.get("/aide/").content.decode()
    assert list_slugs(page) == expected
    assert page.index("Pour vous") < page.index(f"/aide/{own[-1]}/") < page.index("Pour les autres")
    assert list_slugs(portal.get("/plan-du-site/").content.decode()) == expected


def test_there_is_no_guide_of_that_name(portal):
    assert portal.get("/aide/inconnu/").status_code == portal.get("/aide/inconnu.pdf").status_code == 404


@pytest.mark.parametrize("path", sorted(set(PLACES.values())))
def test_every_place_is_in_its_guide(path, portal):
    address, _, anchor = path.partition("#")
    page = portal.get(address)
    assert page.status_code == 200
    assert not anchor or f'id="{anchor}"' in page.content.decode()


@pytest.mark.parametrize(("host", "views"), [("portal", policies.PORTAL), ("office", policies.OFFICE)])
def test_every_page_has_a_place(host, views):
    lost = {name for name in views if find_help_path(host, name) == HELP_PATH}
    assert lost <= WITHOUT_PLACE | {name for name in views if name.startswith("account_")}


def test_every_place_is_of_a_page():
    # The back office has a rule of access of its own, and no policies.
    own = [f"admin:{name}" for _, _, name in OWN_PAGES]
    views = {"portal": [*policies.PORTAL, *own], "office": policies.OFFICE}
    idle = [
        (host, name)
        for host, name in PLACES
        if not any(view.startswith(name) for view in views[host.partition(":")[0]])
    ]
    assert idle == []


@pytest.mark.slow
def test_a_page_links_to_its_place(portal, office, nimes):
    manager = MemberFactory(roles=[Role.MANAGER]).user
    link = re.compile(r'<a class="help-link" href="([^"]+)"')
    assert link.search(portal.get("/boutique/").content.decode())[1].endswith(
        "/aide/chef-etablissement/#acheter-des-licences-en-boutique"
    )
    page = office("nimes", manager).get("/messages/").content.decode()
    assert link.search(portal.get("/aide/").content.decode()) is None
    assert link.search(page)[1] == "http://peps.localhost/aide/collectivite/?bureau=nimes#suivre-les-e-mails"
