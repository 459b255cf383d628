from collections.abc import Sequence
from pathlib import Path

class PostgresServer:
    pgdata: Path
    system_user: str | None

    def get_uri(self, database: str | None = None) -> str: ...

def get_server(pgdata: Path | str, cleanup_mode: str | None = "stop") -> PostgresServer: ...
def pg_ctl(
    args: Sequence[str], pgdata: Path | None = None, user: str | None = None, timeout: float | None = None
) -> str: ...
def postgres(
    args: Sequence[str], pgdata: Path | None = None, user: str | None = None, timeout: float | None = None
) -> str: ...
