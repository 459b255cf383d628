"""A web server for `test_slow_clients`: an application that reads the whole body, and a worker class in a hurry."""

from config.gunicorn_worker import DeadlineWorker


class ImpatientWorker(DeadlineWorker):
    header_seconds = 1.0
    request_seconds = 1.0


def application(environ, start_response):
    """Answer with the length of the body."""
    length = len(environ["wsgi.input"].read())
    start_response("200 OK", [("Content-Type", "text/plain"), ("Connection", "close")])
    return [str(length).encode()]
