"""A client of a collectivity's API: HTTP with a bearer token."""

import datetime
import json
import uuid
from typing import Any

from django.conf import settings
from django.test import Client
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from api import tokens
from api.models import TokenScope
from tenants.models import Collectivity
from tests.api import schema_check


def create_token(slug="nimes", *, scopes=TokenScope.values, name="SI de la ville", **given):
    """Create a token of the collectivity; return its row and its secret."""
    now = timezone.now()
    with schema_context("public"):
        collectivity = Collectivity.objects.get(slug=slug)
    with tenant_context(collectivity):
        return tokens.create(
            name=name,
            scopes=scopes,
            expires_at=given.pop("expires_at", now + datetime.timedelta(days=365)),
            by=None,
            at=now,
            **given,
        )


class ApiClient:
    """Sends requests to one office; each call returns Django's response, checked against the description."""

    def __init__(self, secret, slug="nimes", **defaults):
        self.secret = secret
        self.client = Client(HTTP_HOST=f"{slug}.{settings.BASE_DOMAIN}", **defaults)

    def request(self, method, path, body=None, *, key=None, **headers):
        """Request `/api/v1<path>`. `key`: an `Idempotency-Key`; True generates one."""
        sent_headers = {"Authorization": f"Bearer {self.secret}"} if self.secret is not None else {}
        if key is not None:
            sent_headers["Idempotency-Key"] = str(uuid.uuid4()) if key is True else key
        sent_headers |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent: dict[str, Any] = {} if body is None else {"data": content, "content_type": "application/json"}
        return self._check_response(
            method, path, self.client.generic(method, f"/api/v1{path}", headers=sent_headers, **sent)
        )

    def get(self, path, **headers):
        return self.request("GET", path, **headers)

    def post(self, path, body=None, **headers):
        return self.request("POST", path, {} if body is None else body, **headers)

    def upload(self, path, fields, *, key=None):
        """Post a multipart form with a file."""
        headers = {"Authorization": f"Bearer {self.secret}"} | ({"Idempotency-Key": key} if key else {})
        return self._check_response("POST", path, self.client.post(f"/api/v1{path}", fields, headers=headers))

    def _check_response(self, method, path, answer):
        schema_check.assert_response_matches(method, f"/api/v1{path}", answer)
        return answer


def create_client(slug="nimes", **given):
    """Return a client with a new token of that collectivity."""
    return ApiClient(create_token(slug, **given).secret, slug)


def assert_problem(answer, status, code):
    """Assert that the response is a problem with that status and code; return its body."""
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), answer.content.decode()
    assert answer["Content-Type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["detail"]
    assert answer["Cache-Control"] == "no-store"
    return problem
