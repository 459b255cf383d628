"""Principals of a school, and the links sent to its mailbox."""

from __future__ import annotations

from schools.heads import links, operations
from schools.models import HeadRequest, Verification
from tests.conftest import TERM
from tests.factories.accounts import PrincipalFactory
from tests.factories.schools import AffiliationFactory


def principal_of(school, *, verified=False, **fields):
    """Create a principal affiliated with the school."""
    affiliation = AffiliationFactory(
        user=PrincipalFactory(**fields),
        school=school,
        verified_at=TERM if verified else None,
        verified_by=Verification.OPERATOR if verified else "",
    )
    return affiliation.user


def verified(user, school):
    """Return whether the user is a verified principal of the school."""
    return user.affiliations.filter(school=school, verified_at__isnull=False).exists()


def link(user, school, *, at=TERM, served=True):
    """Send a confirmation link; return its token."""
    operations.ask(uai=school.pk, by=user, served=served, at=at)
    return token_of(user, school)


def token_of(user, school):
    """Return the token of the last link sent for the user."""
    return links.token(HeadRequest.objects.filter(user=user, school=school).latest("pk").nonce)
