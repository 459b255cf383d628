"""Principals of a school, and the links sent to its mailbox."""

from schools import principals
from schools.models import PrincipalRequest, Verification
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory
from tests.factories.schools import AffiliationFactory


def create_principal(school, *, verified=False, **fields):
    """Create a principal affiliated with the school."""
    affiliation = AffiliationFactory(
        user=PrincipalFactory(**fields),
        school=school,
        verified_at=TERM if verified else None,
        verified_by=Verification.OPERATOR if verified else "",
    )
    return affiliation.user


def is_verified(user, school):
    """Return whether the user is a verified principal of the school."""
    return user.affiliations.filter(school=school, verified_at__isnull=False).exists()


def send_link(user, school, *, at=TERM, served=True):
    """Send a confirmation link; return its token."""
    principals.request_verification(uai=school.pk, by=user, has_subscription=served, at=at)
    return get_token(user, school)


def get_token(user, school):
    """Return the token of the last link sent for the user."""
    return PrincipalRequest.objects.filter(user=user, school=school).latest("pk").link_token
