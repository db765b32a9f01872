"""Streamed answers: nothing is lost, nothing blocks."""

import asyncio
import json
import threading
import time

import pytest
from conftest import chain, openai_event
from fastapi.responses import StreamingResponse

from comps import ServiceOrchestrator, ServiceType
from comps.cores.proto.docarray import LLMParams


def first_to_last_brace(self, gen, **kwargs):
    """What OPEA's examples do with each piece."""
    for piece in gen:
        text = piece.decode()
        start, end = text.find("{"), text.rfind("}") + 1
        if start == -1 or end <= start:
            continue
        try:
            content = json.loads(text[start:end])["choices"][0]["delta"]["content"]
        except json.JSONDecodeError:
            continue
        yield f"data: {content.encode()!r}\n\n"
    yield "data: [DONE]\n\n"


async def body_of(flow, inputs=None, step="llm/MicroService", **kwargs):
    results, _ = await flow.schedule(inputs or {"text": "q"}, LLMParams(stream=True), **kwargs)
    response = results[step]
    assert isinstance(response, StreamingResponse)
    assert response.media_type == "text/event-stream"
    return [piece async for piece in response.body_iterator]


def streams(*chunks, before=None):
    def answer(exchange):
        if before:
            before()
        exchange.begin_stream()
        for chunk in chunks:
            exchange.chunk(chunk)
        exchange.end_stream()

    return answer


def model(upstream, answer):
    return upstream.service("llm", answer, ServiceType.LLM)


def test_events_that_come_together_are_told_apart(upstream):
    together = openai_event("one ") + openai_event("two ") + openai_event("three")
    ServiceOrchestrator.align_generator = first_to_last_brace
    pieces = asyncio.run(body_of(chain(model(upstream, streams(together, b"data: [DONE]\n\n")))))
    assert pieces == ["data: b'one '\n\n", "data: b'two '\n\n", "data: b'three'\n\n", "data: [DONE]\n\n"]


def test_an_event_that_comes_in_parts_is_put_together(upstream):
    event = openai_event("né")
    parts = [event[at : at + 1] for at in range(len(event))]
    pieces = asyncio.run(body_of(chain(model(upstream, streams(*parts)))))
    assert pieces == [event]


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r"])
def test_each_blank_line_ends_an_event(upstream, end):
    pieces = asyncio.run(body_of(chain(model(upstream, streams(b"data: 1" + end + b": note" + end + b"data: 2")))))
    assert pieces == [b"data: 1" + end, b": note" + end, b"data: 2"]


def test_what_is_no_event_passes_as_it_comes(upstream):
    pieces = asyncio.run(body_of(chain(model(upstream, streams(b"plain text", b"\x00\xff")))))
    assert b"".join(pieces) == b"plain text\x00\xff"


def test_streams_do_not_wait_for_one_another(upstream):
    """A server that is slow to answer must hold up neither other streams nor the event loop."""
    flow = chain(model(upstream, streams(openai_event("x"), before=lambda: time.sleep(0.5))))
    pauses = []

    async def heartbeat():
        while True:
            started = time.monotonic()
            await asyncio.sleep(0.01)
            pauses.append(time.monotonic() - started)

    async def eight():
        beat = asyncio.create_task(heartbeat())
        started = time.monotonic()
        await asyncio.gather(*(body_of(flow) for _ in range(8)))
        beat.cancel()
        return time.monotonic() - started

    assert asyncio.run(eight()) < 2, "one after another they take 4 s"
    assert max(pauses) < 0.4


def test_more_slow_streams_than_threads(upstream):
    """Generators wait for events without holding a thread, so that a hundred of them move at once."""
    gate = threading.Event()

    def answer(exchange):
        exchange.begin_stream()
        exchange.chunk(openai_event("first"))
        gate.wait(20)
        exchange.chunk(openai_event("last"))
        exchange.end_stream()

    ServiceOrchestrator.align_generator = first_to_last_brace
    flow = chain(model(upstream, answer))

    async def hundred():
        async def one():
            results, _ = await flow.schedule({"text": "q"}, LLMParams(stream=True))
            body = results["llm/MicroService"].body_iterator
            first = await anext(body)
            begun.append(first)
            if len(begun) == 100:
                gate.set()  # Only when all have had their first event does any get its last.
            return [first] + [piece async for piece in body]

        begun = []
        return await asyncio.wait_for(asyncio.gather(*(one() for _ in range(100))), 30)

    for pieces in asyncio.run(hundred()):
        assert pieces == ["data: b'first'\n\n", "data: b'last'\n\n", "data: [DONE]\n\n"]


def test_generators_that_wait_in_the_middle_hold_up_no_others(upstream):
    """Forty that have swallowed an event and wait for the next one, and one that goes on."""
    gate = threading.Event()

    def answer(exchange):
        exchange.begin_stream()
        if exchange.body["text"] == "slow":
            exchange.chunk(b"data: {no json}\n\n")
            gate.wait(20)
        exchange.chunk(openai_event("x"))
        exchange.end_stream()

    ServiceOrchestrator.align_generator = first_to_last_brace
    flow = chain(model(upstream, answer))

    async def run():
        slow = [asyncio.create_task(body_of(flow, {"text": "slow"})) for _ in range(40)]
        await asyncio.sleep(0.3)
        quick = await asyncio.wait_for(body_of(flow, {"text": "quick"}), 5)
        gate.set()
        return [quick, *await asyncio.gather(*slow)]

    assert all(pieces == ["data: b'x'\n\n", "data: [DONE]\n\n"] for pieces in asyncio.run(run()))


def test_a_token_is_passed_on_before_the_next_one_comes(upstream):
    """Also when the generator goes on to swallow an event and to wait for another one."""
    gate = threading.Event()

    def answer(exchange):
        exchange.begin_stream()
        exchange.chunk(openai_event("now") + b"data: {\"choices\": [\n\n")
        gate.wait(20)
        exchange.chunk(openai_event("later"))
        exchange.end_stream()

    ServiceOrchestrator.align_generator = first_to_last_brace

    async def watch():
        results, _ = await chain(model(upstream, answer)).schedule({"text": "q"}, LLMParams(stream=True))
        body = results["llm/MicroService"].body_iterator
        assert await asyncio.wait_for(anext(body), 5) == "data: b'now'\n\n"
        gate.set()
        return [piece async for piece in body]

    assert asyncio.run(watch()) == ["data: b'later'\n\n", "data: [DONE]\n\n"]


def test_a_generator_may_be_asynchronous(upstream):
    async def align_generator(self, gen, **kwargs):
        async for piece in gen:
            yield piece.upper() + kwargs["mark"]

    ServiceOrchestrator.align_generator = align_generator
    pieces = asyncio.run(body_of(chain(model(upstream, streams(b"data: a\n\n", b"data: b\n\n"))), mark=b"!"))
    assert pieces == [b"DATA: A\n\n!", b"DATA: B\n\n!"]


@pytest.mark.parametrize("hook", ["core", "generator", "hooks"])
def test_a_stream_that_breaks_off_is_an_error(upstream, hook):
    def answer(exchange):
        exchange.begin_stream()
        exchange.chunk(openai_event("half"))
        exchange.break_off()

    if hook == "generator":
        ServiceOrchestrator.align_generator = first_to_last_brace
    if hook == "hooks":
        ServiceOrchestrator.align_inputs = lambda self, inputs, *args, **kwargs: inputs
    with pytest.raises(ConnectionError):
        asyncio.run(body_of(chain(model(upstream, answer))))


def test_a_slow_reader_slows_the_server_down(upstream):
    """What nobody has taken yet does not pile up here."""
    sent = []

    def answer(exchange):
        exchange.begin_stream()
        event = b"data: " + b"x" * 65536 + b"\n\n"
        for _ in range(400):  # 26 MB: more than sockets hold.
            exchange.chunk(event)
            sent.append(1)
        exchange.end_stream()

    async def read():
        results, _ = await chain(model(upstream, answer)).schedule({"text": "q"}, LLMParams(stream=True))
        await asyncio.sleep(0.7)
        held_up = len(sent)
        pieces = [piece async for piece in results["llm/MicroService"].body_iterator]
        return held_up, pieces

    held_up, pieces = asyncio.run(read())
    assert held_up < 300
    assert len(pieces) == 400 and {len(piece) for piece in pieces} == {65544}


@pytest.mark.parametrize("hooks", [False, True])
def test_sentences_go_through_one_more_step(upstream, hooks):
    """OpenAI's events, sentences cut anywhere, and words back in OPEA's form."""
    if hooks:
        ServiceOrchestrator.align_inputs = lambda self, inputs, *args, **kwargs: inputs
    chunks = [openai_event(text) for text in ("It costs 3", ".5 euros. ", "Is it much", "? No! 好。", "end")]
    guard = upstream.service("guard", lambda exchange: exchange.json({"text": exchange.body["text"].upper()}))
    flow = chain(model(upstream, streams(*chunks, b"data: [DONE]\n\n")), guard)
    pieces = asyncio.run(body_of(flow, step="guard/MicroService"))
    assert [body["text"] for body in upstream.asked("guard")] == ["It costs 3.5 euros.", " Is it much?", " No!", " 好。", "end"]
    assert pieces[0] == "data: b'IT '\n\n" and pieces[-1] == "data: [DONE]\n\n"


def test_the_first_request_s_and_its_tokens_latencies_are_counted(upstream):
    from prometheus_client import REGISTRY

    def counts():
        names = ("megaservice_request_latency", "megaservice_first_token_latency", "megaservice_inter_token_latency")
        return [REGISTRY.get_sample_value(f"{name}_count") or 0 for name in names]

    before = counts()
    asyncio.run(body_of(chain(model(upstream, streams(*[openai_event("x")] * 5)))))
    assert [after - then for after, then in zip(counts(), before)] == [1, 1, 4]
