"""Select the schema of a request by its host: public at BASE_DOMAIN, a collectivity's at its own host."""

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django_tenants.middleware.main import TenantMainMiddleware
from django_tenants.postgresql_backend.base import FakeTenant
from django_tenants.utils import get_public_schema_name

from core.cells import get_cells
from core.connections import connection

_MISDIRECTED = 421


class HostTenantMiddleware(TenantMainMiddleware):
    """Django-tenants' middleware, except that the portal is recognised by its host name and has no tenant row."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        """Activate the schema of the request's host, in whatever case it is written; an unknown host is a 404.

        A host of another cell is a 421: the proxy sent it here by mistake.
        """
        if "HTTP_HOST" in request.META:
            # Once for all that compare hosts: sessions, CSRF, links of e-mails.
            request.META["HTTP_HOST"] = request.META["HTTP_HOST"].lower()
        if get_cells().find_other_by_host(request.META.get("HTTP_HOST", "")) is not None:
            return HttpResponse("Cette adresse est servie par un autre serveur.", status=_MISDIRECTED)
        try:
            hostname = self.hostname_from_request(request)
        except DisallowedHost:
            hostname = ""
        if hostname == settings.BASE_DOMAIN:
            if connection.schema_name != get_public_schema_name():  # else the path would be set anew, a statement
                connection.set_schema_to_public()
            request.tenant = FakeTenant(schema_name=get_public_schema_name())  # type: ignore[attr-defined]
            self.setup_url_routing(request)
            return None
        response: HttpResponse | None = super().process_request(request)
        return response
