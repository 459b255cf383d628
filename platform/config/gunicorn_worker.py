"""Gunicorn's settings and worker class: processes that share what they load, threads that no slow client keeps.

`gunicorn config.wsgi --config python:config.gunicorn_worker`. The master loads the application, and its processes share
that memory. It keeps no connection to the database, which two processes would read at once (`config.wsgi`). A master
that has loaded code cannot read it anew: on SIGUSR2 a new one starts on the same socket, and takes over where it could
load. Why: docs/decisions/0197.

Gunicorn's own gthread waits in a thread for each next byte of a request, without limit: as many clients as there are
threads, each sending a byte now and then, keep everybody else out. A proxy in front reads requests whole before it
passes them on (docs/deploy.md); these limits hold without one.
"""

import contextlib
import gc
import os
import signal
import socket
import time

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.urls import get_resolver
from gunicorn.arbiter import Arbiter
from gunicorn.systemd import sd_notify
from gunicorn.workers.gthread import TConn, ThreadWorker

worker_class = "config.gunicorn_worker.DeadlineWorker"
preload_app = True


def when_ready(server: Arbiter) -> None:
    """Load the pages before there are processes to share them; end the master that this one replaces, if any."""
    if settings.configured:
        for urls in (settings.PUBLIC_SCHEMA_URLCONF, settings.ROOT_URLCONF):
            _ = get_resolver(urls).reverse_dict
    # Else each collection writes into every object, and the memory is shared no more.
    gc.collect()
    gc.freeze()
    if server.master_pid:
        sd_notify(f"MAINPID={os.getpid()}", server.log)
        # It ends what it has begun.
        os.kill(server.master_pid, signal.SIGTERM)


class DeadlineWorker(ThreadWorker):
    """Ends connections whose request or response takes too long, at the latest a second after their deadline."""

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
