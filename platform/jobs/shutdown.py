"""Shutdown flag of the worker process, for long tasks."""

from __future__ import annotations

import threading

#: Set when the worker receives SIGTERM or SIGINT. Tasks that process many items check it between two items, release
#: those they have not started, and return.
shutdown_requested = threading.Event()
