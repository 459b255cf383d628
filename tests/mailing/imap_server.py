"""A real IMAP server, in memory and in a thread of its own: one user, one folder."""

import asyncio
import datetime
import threading
from argparse import Namespace
from uuid import uuid4

from proxyprotocol.result import ProxyResultLocal
from proxyprotocol.sock import SocketInfo
from pymap.backend.dict import DictBackend
from pymap.imap import IMAPServer
from pymap.parsing.message import AppendMessage
from pymap.parsing.specials.flag import Seen

USER, IMAP_PASSWORD = "retours", "boite-des-retours-2026"


class ImapServer:
    """Serves what `append` puts into its inbox until it is stopped."""

    def __init__(self) -> None:
        self.port = 0
        self._connections = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="imap", daemon=True)
        self._thread.start()
        self._do(self._start())

    def append(self, *contents):
        """Put mails into the inbox, unread."""
        return self._do(self._append(contents))

    def list_flags(self):
        """Return, for each mail of the inbox in order, whether it is marked as read."""
        return self._do(self._list_flags())

    def stop(self):
        """End the server and its thread."""
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    async def _start(self):
        args = Namespace(
            debug=False,
            demo_data=False, demo_user=USER, demo_password=IMAP_PASSWORD, host=None, port="0", tls=False, cert=None,
            key=None, proxy_protocol=None, passlib_cfg=None, inherited_sockets=None, reject_insecure_auth=False,
        )  # fmt: skip
        backend, config = await DictBackend.init(args, reject_insecure_auth=False)
        config.apply_context()
        self._identity = backend.login.demo_user_identity
        serve = IMAPServer(backend.login, config)

        async def handle(reader, writer):
            # Referred to by nobody else while it waits: it would be collected.
            self._connections.add(asyncio.current_task())
            try:
                await serve(reader, writer, SocketInfo.get(writer, ProxyResultLocal(), unique_id=uuid4().bytes))
            finally:
                writer.close()
                self._connections.discard(asyncio.current_task())

        self._server = await asyncio.start_server(handle, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self):
        self._server.close()
        self._server.close_clients()
        await self._server.wait_closed()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _append(self, contents):
        async with self._identity.new_session() as session:
            inbox = await session.mailbox_set.get_mailbox("INBOX")
            for content in contents:
                moment = datetime.datetime.now(datetime.UTC)
                await inbox.append(AppendMessage(content, moment, frozenset()))

    async def _list_flags(self):
        async with self._identity.new_session() as session:
            inbox = await session.mailbox_set.get_mailbox("INBOX")
            return [Seen in message.permanent_flags async for message in inbox.messages()]
