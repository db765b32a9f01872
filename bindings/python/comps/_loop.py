"""Between an asyncio loop and the core: one mailbox a loop, whose descriptor the loop watches."""

import asyncio
import atexit
import os
import weakref
from typing import Any, Callable, Optional

from comps import _core

_mailboxes: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _core.Mailbox]" = weakref.WeakKeyDictionary()
os.register_at_fork(after_in_child=_mailboxes.clear)
atexit.register(_core.stop_engine)


def mailbox_of(loop: asyncio.AbstractEventLoop) -> _core.Mailbox:
    """The loop's mailbox, made at its first use."""
    mailbox = _mailboxes.get(loop)
    if mailbox is None:
        mailbox = _mailboxes[loop] = _core.Mailbox()
        loop.add_reader(mailbox.fileno(), mailbox.deliver)
    return mailbox


async def letter(start: Callable[[_core.Mailbox, Callable[[object], None]], Optional[_core.UnderWay]]) -> Any:
    """What `start(mailbox, callback)` is answered with; it returns what can be cancelled, and is if the task is."""
    loop = asyncio.get_running_loop()
    answer: "asyncio.Future[object]" = loop.create_future()

    def deliver(value: object) -> None:
        if not answer.done():
            answer.set_result(value)

    under_way = start(mailbox_of(loop), deliver)
    try:
        return await answer
    except asyncio.CancelledError:
        if under_way is not None:
            under_way.cancel()
        raise
