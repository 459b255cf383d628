"""A program that asks a collectivity's API, as its own information system would: over HTTP, with a token."""

from __future__ import annotations

import datetime
import json
import uuid

from django.conf import settings
from django.test import Client
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from api import tokens
from api.scopes import Scope
from tenants.models import Collectivity
from tests.api import described


def token(slug="nimes", *, scopes=Scope.values, name="SI de la ville", **given):
    """Make a token of the collectivity; return its row and its secret."""
    now = timezone.now()
    with schema_context("public"):
        collectivity = Collectivity.objects.get(slug=slug)
    with tenant_context(collectivity):
        return tokens.make(
            name=name,
            scopes=scopes,
            expires_at=given.pop("expires_at", now + datetime.timedelta(days=365)),
            by=None,
            at=now,
            **given,
        )


class Program:
    """Asks one office; each call returns Django's answer, whose `json()` is what was said."""

    def __init__(self, secret, slug="nimes", **defaults):
        self.secret = secret
        self.client = Client(HTTP_HOST=f"{slug}.{settings.BASE_DOMAIN}", **defaults)

    def ask(self, method, path, body=None, *, key=None, **headers):
        """Ask `/api/v1<path>`. `key`: an `Idempotency-Key`; True draws one."""
        given = {"Authorization": f"Bearer {self.secret}"} if self.secret is not None else {}
        if key is not None:
            given["Idempotency-Key"] = str(uuid.uuid4()) if key is True else key
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = {} if body is None else {"data": content, "content_type": "application/json"}
        return self._held(method, path, self.client.generic(method, f"/api/v1{path}", headers=given, **sent))

    def get(self, path, **headers):
        return self.ask("GET", path, **headers)

    def post(self, path, body=None, **headers):
        return self.ask("POST", path, {} if body is None else body, **headers)

    def upload(self, path, fields, *, key=None):
        """Send a form with a file."""
        headers = {"Authorization": f"Bearer {self.secret}"} | ({"Idempotency-Key": key} if key else {})
        return self._held("POST", path, self.client.post(f"/api/v1{path}", fields, headers=headers))

    def _held(self, method, path, answer):
        described.hold(method, f"/api/v1{path}", answer)
        return answer


def program(slug="nimes", **given):
    """Return a program with a new token of that collectivity."""
    return Program(token(slug, **given).secret, slug)


def refused(answer, status, code):
    """Assert that the answer is a problem with that status and code, and return what it says."""
    said = answer.json()
    assert (answer.status_code, said["code"]) == (status, code), answer.content.decode()
    assert answer["Content-Type"] == "application/problem+json"
    assert said["status"] == status
    assert said["detail"]
    assert answer["Cache-Control"] == "no-store"
    return said
