from contextlib import AbstractContextManager

class PostgresServer:
    _lock: AbstractContextManager[object]
