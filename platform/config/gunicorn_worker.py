"""The worker class of gunicorn: threads that no slow client keeps.

Gunicorn's own gthread waits in a thread for each next byte of a request, without limit: as many clients as there are
threads, each sending a byte now and then, keep everybody else out. A proxy in front reads requests whole before it
passes them on (docs/deploy.md); these limits hold without one.
"""

import contextlib
import os
import socket
import time

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from gunicorn.workers.gthread import TConn, ThreadWorker


class DeadlineWorker(ThreadWorker):
    """Ends connections whose request or response takes too long, at the latest a second after their deadline.

    `gunicorn --worker-class config.gunicorn_worker.DeadlineWorker`.
    """

    #: Seconds for the request line and the headers.
    header_seconds = 10.0
    #: Seconds for everything after the headers: 20 MB at 1.3 Mbit/s, our work, and the response.
    request_seconds = 120.0

    def init_process(self) -> None:
        """Serve until told to stop."""
        #: By connection that a thread is busy with: the moment of `time.monotonic` at which it must be done.
        self._deadlines: dict[TConn, float] = {}
        super().init_process()

    def load_wsgi(self) -> None:
        """Load the application. Raises `ImproperlyConfigured` where each process would tell figures of its own."""
        super().load_wsgi()
        # Another application than ours has no settings.
        is_open = settings.configured and settings.METRICS_TOKEN
        if is_open and self.cfg.workers > 1 and not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            raise ImproperlyConfigured("METRICS_TOKEN needs PROMETHEUS_MULTIPROC_DIR with more than one process.")

    def handle(self, conn: TConn) -> object:
        """Handle one request. In a thread."""
        self._deadlines[conn] = time.monotonic() + self.header_seconds
        try:
            return super().handle(conn)
        finally:
            del self._deadlines[conn]

    def handle_request(self, req: object, conn: TConn) -> bool:
        """Handle a request whose headers have been read. In a thread."""
        self._deadlines[conn] = time.monotonic() + self.request_seconds
        return super().handle_request(req, conn)

    def notify(self) -> None:
        """Tell the arbiter that this process is alive, as the main loop does every second; end what is overdue."""
        super().notify()
        now = time.monotonic()
        for conn, deadline in list(self._deadlines.items()):
            if deadline < now:
                # The thread that waits reads the end of the stream, and is free. It may have closed it just now.
                with contextlib.suppress(OSError):
                    conn.sock.shutdown(socket.SHUT_RDWR)
