"""Certificates of deletion: access, content on the page and in print."""

import re
import subprocess
from shutil import which

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from licensing.classes import pupil_erasure
from licensing.classes.models import DeletionCertificate
from schools.models import Verification
from tests.classes.class_rows import create_class, create_principal, create_subscription, hold_seat, paris_time
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory, TeacherFactory, UserFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory

pytestmark = pytest.mark.slow

LIST = "/certificats/"


@pytest.fixture
def certified(db, settings):
    """Return the certificate of a class of Benoît Colas's, at Jean Jaurès."""
    settings.PUPILS_KEPT_DAYS = 60
    shared = create_subscription(school=SchoolFactory(name="École Jean Jaurès", commune="Nîmes"))
    teacher = TeacherFactory(first_name="Benoît", last_name="Colas")
    create_class(hold_seat(shared, by=teacher), pupils=3, name="CE1 de Colas")
    pupil_erasure.erase_pupils(at=paris_time(31, 10))
    return DeletionCertificate.objects.get()


def certificate_url(certificate):
    return f"{LIST}{certificate.pk}/"


def test_the_teacher_reads_their_certificate(certified, portal):
    portal.force_login(certified.teacher)
    assert certified.number in portal.get(LIST).content.decode()
    page = portal.get(certificate_url(certified)).content.decode()
    for part in (certified.number, "École Jean Jaurès (Nîmes)", certified.school.uai, "CE1 de Colas", "Benoît Colas",
                 "31\u00a0août 2027", "31\u00a0octobre 2027", ">3<", "jamais été transmis"):  # fmt: skip
        assert part in page


@pytest.mark.small
def test_a_verified_principal_reads_it_with_the_names(certified, portal):
    portal.force_login(create_principal(certified.school))
    for page in (LIST, certificate_url(certified)):
        assert "CE1 de Colas" in portal.get(page).content.decode()


def test_the_key_s_principal_reads_no_teacher_s_name_before_being_verified(certified, portal):
    principal = certified.classroom.seat.subscription.principal
    portal.force_login(principal)
    for page in (LIST, certificate_url(certified)):
        shown = portal.get(page).content.decode()
        assert certified.classroom.code in shown
        assert "Colas" not in shown
    AffiliationFactory(user=principal, school=certified.school, verified_at=TERM, verified_by=Verification.KEY)
    assert "Benoît Colas" in portal.get(certificate_url(certified)).content.decode()


@pytest.mark.parametrize("suffix", ["", "pdf/"])
def test_nobody_else_does(certified, portal, suffix):
    chose = TeacherFactory()
    AffiliationFactory(user=chose, school=certified.school)
    not_verified = PrincipalFactory()
    AffiliationFactory(user=not_verified, school=certified.school)
    for stranger in (chose, not_verified, create_principal(SchoolFactory()), UserFactory()):
        portal.force_login(stranger)
        assert portal.get(certificate_url(certified) + suffix).status_code == 404
        assert certified.number not in portal.get(LIST).content.decode()


def test_the_printed_page_says_the_same(certified, portal, tmp_path):
    portal.force_login(certified.teacher)
    answer = portal.get(certificate_url(certified) + "pdf/")
    assert answer["Content-Type"] == "application/pdf"
    assert f"certificat-{certified.number}.pdf" in answer["Content-Disposition"]
    assert answer["Cache-Control"] == "no-store"
    if which("pdftotext") is None:
        assert answer.content.startswith(b"%PDF-")
        return
    file = tmp_path / "certificat.pdf"
    file.write_bytes(answer.content)
    text = subprocess.run(["pdftotext", "-layout", file, "-"], capture_output=True, check=True, text=True).stdout  # noqa: S603, S607 - wherever it is installed
    printed = re.sub(r"\s+", " ", text)
    for words in (certified.number, "Benoît Colas", "CE1 de Colas", "31 octobre 2027", "Pep’s certifie"):
        assert words in printed
    assert text.count("\f") == 1  # a single page


def test_the_list_takes_as_many_queries_for_many_as_for_one(certified, portal):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert portal.get(LIST).content.decode().count("EFF-2027-") == 2 * DeletionCertificate.objects.count()
        return len(captured)

    portal.force_login(certified.teacher)
    once = queries()
    for _ in range(3):
        create_class(hold_seat(create_subscription(), by=certified.teacher), pupils=1)
    pupil_erasure.erase_pupils(at=paris_time(31, 10))
    assert queries() == once
