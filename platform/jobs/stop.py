"""How a long task learns that its worker is asked to stop."""

from __future__ import annotations

import threading

#: Set when the worker received SIGTERM or SIGINT. Tasks that work through many things look at it between two of them,
#: give back what they have not begun, and return.
stopping = threading.Event()
