"""Who leaves takes the requests to all steps along."""

import asyncio
import http.client
import json
import socket
import threading
import time

import pytest
from conftest import chain, free_port, openai_event

from comps import MicroService, ServiceOrchestrator, ServiceType
from comps.cores.proto.docarray import LLMParams


@pytest.fixture(params=["in the core", "with hooks"])
def either_way(request):
    if request.param == "with hooks":
        ServiceOrchestrator.align_outputs = lambda self, data, *args, **kwargs: data


class Watched:
    """A step that never answers, and sees when the other side leaves."""

    def __init__(self, stream: bool = False):
        self.stream = stream
        self.asked = threading.Event()
        self.left = threading.Event()

    def __call__(self, exchange):
        if self.stream:
            exchange.begin_stream()
            exchange.chunk(openai_event("first"))
        self.asked.set()
        if exchange.wait_until_left(10):
            self.left.set()


def test_a_cancelled_task_closes_the_connection(upstream, either_way):
    step = Watched()
    flow = chain(upstream.service("s1", step))

    async def leave():
        task = asyncio.create_task(flow.schedule({"text": "q"}, LLMParams(stream=False)))
        await asyncio.to_thread(step.asked.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(leave())
    assert step.left.wait(5)


@pytest.mark.parametrize("generator", ["none", "sync"])
def test_a_dropped_stream_closes_the_connection(upstream, either_way, generator):
    step = Watched(stream=True)
    if generator == "sync":

        def align_generator(self, gen, **kwargs):
            yield from gen

        ServiceOrchestrator.align_generator = align_generator
    flow = chain(upstream.service("llm", step, ServiceType.LLM))

    async def leave():
        results, _ = await flow.schedule({"text": "q"}, LLMParams(stream=True))
        body = results["llm/MicroService"].body_iterator
        assert await anext(body)
        waiting = asyncio.ensure_future(anext(body))
        await asyncio.sleep(0.1)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    asyncio.run(leave())
    assert step.left.wait(5)


def test_a_stream_nobody_reads_closes_the_connection(upstream, either_way):
    step = Watched(stream=True)
    flow = chain(upstream.service("llm", step, ServiceType.LLM))

    async def forget():
        await flow.schedule({"text": "q"}, LLMParams(stream=True))

    asyncio.run(forget())
    import gc

    gc.collect()
    assert step.left.wait(5)


@pytest.fixture
def served():
    """Runs a megaservice behind a port of its own, in a thread."""
    started = []

    def serve(flow) -> int:
        service = MicroService(name="mega", host="127.0.0.1", port=free_port())
        service.add_route("/ask", flow.handle_request)
        thread = threading.Thread(target=service.start, daemon=True)
        thread.start()
        started.append((service, thread))
        return service.port

    yield serve
    for service, thread in started:
        service.stop()
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.parametrize("stream", [False, True, "through a generator"])
def test_a_client_that_leaves(upstream, either_way, served, stream):
    ended = threading.Event()

    def align_generator(self, gen, **kwargs):
        try:
            for piece in gen:
                if b"first" in piece:  # Of others it makes nothing, and waits for the next one.
                    yield piece
        finally:
            ended.set()

    if stream == "through a generator":
        ServiceOrchestrator.align_generator = align_generator
    step = Watched(stream=bool(stream))
    port = served(chain(upstream.service("llm", step, ServiceType.LLM)))
    client = http.client.HTTPConnection("127.0.0.1", port)
    client.connect()
    body = json.dumps({"text": "q", "stream": bool(stream)})
    client.request("POST", "/ask", body, {"Content-Type": "application/json"})
    assert step.asked.wait(5)
    if stream:
        assert client.getresponse().read(6) == b"data: "
    time.sleep(0.05)
    client.sock.shutdown(socket.SHUT_RDWR)
    client.close()
    assert step.left.wait(5)
    if stream == "through a generator":
        assert ended.wait(5)


def test_a_failing_step_is_told_to_the_client(upstream, either_way, served):
    port = served(chain(upstream.service("s1", lambda exchange: exchange.json({}, 500))))
    client = http.client.HTTPConnection("127.0.0.1", port)
    client.request("POST", "/ask", "{}", {"Content-Type": "application/json"})
    response = client.getresponse()
    assert response.status == 502
    assert json.load(response) == {"detail": "step 's1/MicroService' answered with status 500"}
