"""What every address of the API is: closed but for tokens with the scope that each method names, in JSON throughout."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.http import Http404, HttpResponse, HttpResponseNotModified
from django.utils.http import parse_etags
from rest_framework.generics import GenericAPIView
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.permissions import BasePermission
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from api import problems
from api.authentication import BearerToken, rate_headers
from api.bodies import PlainJson
from api.lists import ByCursor, KnownFilters
from api.problems import Fault, Invalid, Problem
from web.middleware import names_nothing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase
    from rest_framework.request import Request

    from accounts.models import User
    from api.models import Token
    from api.scopes import Scope


class ByToken:
    """The policy of every address of the API: `Endpoint` itself decides, and answers in JSON."""

    label = "api: token"

    def __call__(self, request: HttpRequest) -> HttpResponse | None:
        """Leave the decision to the endpoint."""
        return None


class HasScope(BasePermission):
    """The token has the scope that the method asks for."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Return True. Raises a `Problem` that names the scope that is missing."""
        wanted = cast("Endpoint", view).scope_of(str(request.method))
        if wanted is not None and wanted.value not in cast("Token", request.auth).scopes:
            raise Problem(
                "scope_missing",
                f"Ce jeton n'a pas le droit « {wanted.label} » ({wanted.value}).",
                status_code=403,
            )
        return True


class Endpoint(APIView):
    """One address. A subclass has a method for each verb it answers, and names the scope of each in `scopes`."""

    access_policy = ByToken()
    authentication_classes = (BearerToken,)
    permission_classes = (HasScope,)
    parser_classes = (PlainJson,)
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = DefaultContentNegotiation
    # What OPTIONS would say stands in the description.
    metadata_class = None
    #: By verb; HEAD goes with GET.
    scopes: ClassVar[Mapping[str, Scope]] = {}
    #: The status of a rule's refusal by its code, where it is not 409.
    statuses: ClassVar[Mapping[str, int]] = {}

    @property
    def allowed_methods(self) -> list[str]:
        """Return the verbs that a scope is named for: no other is answered."""
        return [*self.scopes, *(["HEAD"] if "GET" in self.scopes else [])]

    def scope_of(self, method: str) -> Scope | None:
        """Return the scope that a verb asks for; None where the address does not answer it."""
        return self.scopes.get("GET" if method == "HEAD" else method)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let the request in. Raises a `Problem`."""
        super().initial(request, *args, **kwargs)
        if names_nothing(kwargs):
            raise Http404
        lists = isinstance(self, ListEndpoint) and request.method in ("GET", "HEAD")
        if not lists and request.method in self.allowed_methods:
            _check_parameters(request)

    def actor(self) -> User:
        """Return the account that stands for the token."""
        return cast("User", self.request.user)

    def handle_exception(self, exc: Exception) -> Response:
        """Return what a refusal says; whatever nobody foresaw is raised again."""
        response = problems.told(exc, self.statuses)
        if response is None:
            raise exc
        response.exception = True
        return response

    def finalize_response(  # type: ignore[override]  # an answer that is given again is no Response
        self, request: HttpRequest | Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Give every answer its headers; a read that has not changed is a 304."""
        finished = super().finalize_response(cast("Request", request), cast("Response", response), *args, **kwargs)
        tried = getattr(getattr(request, "_request", request), "api_tried", None)
        if tried is not None:
            for name, value in rate_headers(tried).items():
                finished[name] = value
        is_read = request.method in ("GET", "HEAD") and finished.status_code == 200  # noqa: PLR2004 - HTTP's own
        # What a collectivity reads is kept by nobody in between; its own program may ask whether it changed.
        finished["Cache-Control"] = "private, no-cache" if is_read else "no-store"
        if is_read and isinstance(finished, Response):
            finished.add_post_render_callback(_conditional(request))
        return finished

    def rendered(self, response: HttpResponseBase) -> HttpResponse:
        """Return the answer as it goes out, so that it can be remembered."""
        if isinstance(response, Response):
            request = self.request
            response.accepted_renderer = request.accepted_renderer
            response.accepted_media_type = request.accepted_media_type
            response.renderer_context = self.get_renderer_context()  # type: ignore[attr-defined]
            response.render()
        return cast("HttpResponse", response)


class ListEndpoint(Endpoint, GenericAPIView[Any]):
    """An address that lists. `cursor_field`: the unique column of the order; behind a `-`, downwards."""

    pagination_class = ByCursor
    filter_backends = (KnownFilters,)
    cursor_field: ClassVar[str] = "-pk"

    def listed(self) -> Response:
        """Return the page that was asked for."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class Nowhere(Endpoint):
    """Whatever address under the API's is none: a refusal in JSON, to whoever has a token."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Say that nothing is there. Raises `Http404`, or what keeps the request out."""
        super().initial(request, *args, **kwargs)
        raise Http404


def _check_parameters(request: Request) -> None:
    faults = [
        Fault("unknown_parameter", "Cette adresse ne prend pas de paramètre.", name) for name in request.query_params
    ]
    if faults:
        raise Invalid(faults)


def _conditional(request: HttpRequest | Request) -> Callable[[Response], HttpResponse | None]:
    known = parse_etags(request.headers.get("If-None-Match", ""))

    def compare(response: Response) -> HttpResponse | None:
        tag = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
        response["ETag"] = tag
        if tag not in known and f"W/{tag}" not in known and known != ["*"]:
            return None
        kept = ("ETag", "Cache-Control", "RateLimit", "RateLimit-Policy", "Vary")
        return HttpResponseNotModified(headers={name: response[name] for name in kept if name in response})

    return compare
