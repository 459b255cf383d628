"""A live server at a collectivity's host, for clients other than Django's test client."""

from contextlib import contextmanager
from urllib.parse import urlsplit

from django.conf import settings


@contextmanager
def route_to_office(live_server, slug="nimes"):
    """Route all requests of the live server to this office, whose host no DNS resolves.

    Yields the server's URL. The Host header is rewritten, as a proxy would.
    """
    host = f"{slug}.{settings.BASE_DOMAIN}"
    handler = live_server.thread.httpd.get_app()
    port = urlsplit(live_server.url).port

    def office(environ, start_response):
        environ["HTTP_HOST"] = f"{host}:{port}"
        return handler(environ, start_response)

    live_server.thread.httpd.set_app(office)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        live_server.thread.httpd.set_app(handler)
