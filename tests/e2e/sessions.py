"""Visits of signed-in users."""

from tests.e2e.site import Site
from tests.host_client import HostClient


def open_signed_in(site: Site, host: str, user, **person):
    """Return a visit signed in as the user at the host."""
    client = HostClient(f"{host}:{site.port}")
    client.force_login(user)
    client.confirm_identity(user)
    return site.person(session=client.session.session_key, **person)


def create_session(site, user):
    client = HostClient("peps.localhost")
    client.force_login(user)
    client.confirm_identity(user)
    stored = client.session
    stored["host"] = f"{client.host}:{site.port}"
    stored.save()
    return client.session.session_key
