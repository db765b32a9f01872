"""Streamed answers, from the core's thread to the client."""

import asyncio
import collections
import contextlib
import contextvars
import functools
import inspect
import os
from concurrent.futures import ThreadPoolExecutor
from collections.abc import AsyncGenerator, AsyncIterable
from typing import Any, AsyncIterator, Callable, Iterator, Optional, Union

from comps import _core
from comps._edge import current_client
from comps._loop import letter

Piece = Union[bytes, str]

#: Generators that wait, in the middle of a piece, for their next event at the same time.
THREADS_MAX = 256


@functools.cache
def _threads() -> ThreadPoolExecutor:
    """Of their own: the loop's executor has as few as five threads, and those are the program's."""
    return ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="comps-stream")


os.register_at_fork(after_in_child=_threads.cache_clear)


class EventSource:
    """A streamed reply: an iterator of its events as bytes, each whole, with the blank line that ends it.

    Both kinds of iteration work: `for` waits without the interpreter's lock and belongs into a thread, `async for` waits
    on the event loop.
    """

    def __init__(self, stream: _core.PieceStream):
        self._stream = stream
        self.content_type = stream.content_type

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._stream)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        await self.wait()
        try:
            return next(self._stream)
        except StopIteration:
            raise StopAsyncIteration from None

    def ready(self) -> bool:
        """Whether the next event (or the end) is there."""
        return self._stream.ready()

    async def wait(self) -> None:
        """Until it is ready()."""
        if not self._stream.ready():
            await letter(self._stream.tell)

    def close(self) -> None:
        """Closes the connection to the service that streams."""
        self._stream.close()


async def drive(source: EventSource, pieces: Iterator[Piece]) -> AsyncIterator[Piece]:
    """The pieces of a generator that reads `source`, made in threads, without one waiting for the network.

    A thread is taken when there is an event, runs the generator for all events that are there, and is given back. So a
    thousand slow streams need a handful of threads. What the generator yields is passed on at once, also while it goes on
    to wait for more.
    """
    loop = asyncio.get_running_loop()
    belt = _Belt(loop)
    context = contextvars.copy_context()
    try:
        while not belt.ended:
            await source.wait()
            working = loop.run_in_executor(_threads(), context.run, _work, source, pieces, belt)
            async for piece in belt.until(working):
                yield piece
        if belt.error is not None:
            raise belt.error
    finally:
        source.close()
        close: Optional[Callable[[], None]] = getattr(pieces, "close", None)
        if close is not None:
            # A thread that is in the generator finds its events at their end, and ends it.
            with contextlib.suppress(ValueError):
                close()


def _work(source: EventSource, pieces: Iterator[Piece], belt: "_Belt") -> None:
    """In a thread: the generator's pieces, as long as there are events for it."""
    try:
        while True:
            belt.put(next(pieces))
            if not source.ready():
                return
    except StopIteration:
        belt.end(None)
    except BaseException as error:
        belt.end(error)


class _Belt:
    """Pieces on their way from a thread to the loop, which is woken once for many."""

    def __init__(self, loop: asyncio.AbstractEventLoop):
        self.ended = False
        self.error: Optional[BaseException] = None
        self._loop = loop
        self._pieces: "collections.deque[Piece]" = collections.deque()
        self._woken = False
        self._wake = asyncio.Event()

    def put(self, piece: Piece) -> None:
        self._pieces.append(piece)
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._wake.set)

    def end(self, error: Optional[BaseException]) -> None:
        self.error = error
        self.ended = True

    async def until(self, working: "asyncio.Future[None]") -> AsyncIterator[Piece]:
        """What was put until the thread is done."""
        working.add_done_callback(lambda _: self._wake.set())
        while True:
            done = working.done()
            self._wake.clear()
            self._woken = False
            while self._pieces:
                yield self._pieces.popleft()
            if done:
                working.result()
                return
            await self._wake.wait()


async def body_of(source: EventSource, aligned: Any) -> AsyncIterator[Piece]:
    """The body of the answer: what align_generator gave for the events of `source`, until the client leaves."""
    client = current_client.get()
    watch = client.when_gone(source.close) if client is not None else None
    if aligned is source or isinstance(aligned, AsyncIterable):
        pieces: AsyncIterable[Piece] = aligned
    elif inspect.isawaitable(aligned):
        raise TypeError("align_generator is a coroutine; it must be a generator: yield in it")
    else:
        pieces = drive(source, iter(aligned))
    try:
        async for piece in pieces:
            yield piece
    finally:
        if watch is not None:
            watch.cancel()
        source.close()
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()
