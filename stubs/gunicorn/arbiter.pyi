from typing import Any

class Arbiter:
    log: Any
    master_pid: int
