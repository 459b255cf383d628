"""Account e-mails, and sign-in for tests."""

import re

from django.urls import reverse
from django.utils import timezone
from django_tenants.utils import schema_context

from accounts import passwords
from accounts.models import ResetRequest
from tests.conftest import PASSWORD

__all__ = ["PASSWORD", "answer_resets", "find_link", "mark_reauthenticated", "sign_in"]


def find_link(text):
    """Return the path of the first link of an e-mail."""
    return re.search(r"http://[^/\s]+(/\S+)", text)[1]


def sign_in(browser, user, password=PASSWORD, **more):
    """Post username and password; return the response."""
    return browser.post(reverse("account_login"), {"login": user.username, "password": password, **more})


def mark_reauthenticated(browser, user):
    """Mark the browser's session as just reauthenticated."""
    browser.confirm_identity(user)


def answer_resets():
    """Answer all pending password reset requests, as the worker does; return the number of e-mails."""
    with schema_context("public"):
        return sum(
            passwords.send_reset_emails(request_id=pk, at=timezone.now())
            for pk in ResetRequest.objects.order_by("pk").values_list("pk", flat=True)
        )
