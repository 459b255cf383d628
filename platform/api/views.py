"""Base class of the API endpoints: token authentication, JSON only."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, cast

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.http.response import HttpResponseBase
from django.utils.http import parse_etags
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.permissions import BasePermission
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from api import problem_details
from api.parsers import StrictJsonParser, check_parameter
from api.problem_details import InvalidRequest
from api.tokens import BearerTokenAuthentication, build_rate_limit_headers
from web.outage import forget_preliminary_writes


class TokenPolicy:
    """Access policy of the API endpoints: `ApiView` itself checks access and responds in JSON."""

    label = "api: token"

    def __call__(self, request: HttpRequest) -> HttpResponse | None:
        """Return None: the endpoint checks access itself."""
        return None


class ApiView(APIView):
    """What all endpoints have in common."""

    access_policy = TokenPolicy()
    authentication_classes = (BearerTokenAuthentication,)
    permission_classes: Sequence[type[BasePermission]] = ()
    parser_classes: Sequence[type[BaseParser]] = (StrictJsonParser,)
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = DefaultContentNegotiation
    # OPTIONS metadata is off: the OpenAPI document has it all.
    metadata_class = None
    #: HTTP status by code of a `DomainError`; 409 for the others.
    statuses: ClassVar[Mapping[str, int]] = {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Run authentication, permission and parameter checks. Raises an `ApiProblem`."""
        super().initial(request, *args, **kwargs)
        _check_parameters(request, kwargs)
        self.check_query(request)
        # Counting the request is not what it asks for.
        forget_preliminary_writes()

    def check_query(self, request: Request) -> None:
        """Raise `InvalidRequest` for a query parameter that the endpoint does not know."""

    def actor(self) -> User:
        """Return the user account of the token."""
        return cast("User", self.request.user)

    def handle_exception(self, exc: Exception) -> Response:
        """Return the problem details of a known exception; re-raise any other."""
        response = problem_details.build_exception_response(exc, self.statuses)
        if response is None:
            raise exc
        response.exception = True
        return response

    def finalize_response(  # type: ignore[override]  # a replayed response is no DRF Response
        self, request: HttpRequest | Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Add rate limit and cache headers; return a 304 for an unchanged read."""
        final_response = super().finalize_response(
            cast("Request", request), cast("Response", response), *args, **kwargs
        )
        tried = getattr(getattr(request, "_request", request), "api_rate_limit", None)
        if tried is not None:
            for name, value in build_rate_limit_headers(tried).items():
                final_response[name] = value
        is_successful_read = request.method in ("GET", "HEAD") and final_response.status_code == 200  # noqa: PLR2004 - HTTP's own
        # No shared cache may store tenant data; the client itself may revalidate.
        final_response["Cache-Control"] = "private, no-cache" if is_successful_read else "no-store"
        if is_successful_read and isinstance(final_response, Response):
            final_response.add_post_render_callback(_make_etag_callback(request))
        return final_response

    def render_response(self, response: HttpResponseBase) -> HttpResponse:
        """Render the response now, so that it can be stored under its idempotency key."""
        if isinstance(response, Response):
            request = self.request
            response.accepted_renderer = request.accepted_renderer
            response.accepted_media_type = request.accepted_media_type
            response.renderer_context = self.get_renderer_context()  # type: ignore[attr-defined]
            response.render()
        return cast("HttpResponse", response)


class NotFoundView(ApiView):
    """Catch-all endpoint for unknown API paths: a 404 in JSON, after authentication."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Raise `Http404`, or the `ApiProblem` of a failed authentication."""
        super().initial(request, *args, **kwargs)
        raise Http404


def _check_parameters(request: Request, path_parameters: Mapping[str, object]) -> None:
    """Raise `InvalidRequest` if a parameter of the path or query holds NUL, or one of the query is too long."""
    # Of a path, only NUL: what is too long names nothing, and is a 404.
    in_path = ((name, "\x00") for name, value in path_parameters.items() if "\x00" in str(value))
    in_query = ((name, value) for name, values in request.query_params.lists() for value in values)
    errors = [error for name, value in (*in_path, *in_query) if (error := check_parameter(name, value)) is not None]
    if errors:
        raise InvalidRequest(errors)


def _make_etag_callback(request: HttpRequest | Request) -> Callable[[Response], HttpResponse | None]:
    client_etags = parse_etags(request.headers.get("If-None-Match", ""))

    def compare(response: Response) -> HttpResponse | None:
        tag = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
        response["ETag"] = tag
        if tag not in client_etags and f"W/{tag}" not in client_etags and client_etags != ["*"]:
            return None
        kept_headers = ("ETag", "Cache-Control", "RateLimit", "RateLimit-Policy", "Vary")
        return HttpResponseNotModified(headers={name: response[name] for name in kept_headers if name in response})

    return compare
