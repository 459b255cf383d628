"""The server of `core.bounded_process` as it is on a kernel that confines nothing. Run as a script."""

import json
import sys

sys.path[:] = json.loads(sys.argv[2])

from core import bounded_process_server, confinement  # noqa: E402 - on that path

confinement.confine = lambda *_, **__: None
bounded_process_server.main(*sys.argv[1:])
