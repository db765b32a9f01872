"""What goes wrong between services is told: which step, which status. Nothing is left pending."""

import asyncio

import pytest
from conftest import chain, free_port

from comps import MicroService, ServiceOrchestrator, ServiceType
from comps._errors import StepError
from comps.cores.proto.docarray import LLMParams


@pytest.fixture(params=["in the core", "with hooks"])
def either_way(request):
    if request.param == "with hooks":
        ServiceOrchestrator.align_outputs = lambda self, data, *args, **kwargs: data


def error_of(flow, stream=False, inputs=None) -> StepError:
    with pytest.raises(StepError) as caught:
        asyncio.run(flow.schedule(inputs or {"text": "q"}, LLMParams(stream=stream)))
    return caught.value


@pytest.mark.parametrize(
    "theirs, ours", [(400, 400), (422, 400), (401, 502), (404, 502), (429, 429), (500, 502), (503, 503), (504, 504)]
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_status_that_is_no_success(upstream, either_way, theirs, ours, stream):
    refuses = upstream.service("llm", lambda exchange: exchange.json({"secret": "of the model"}, theirs), ServiceType.LLM)
    error = error_of(chain(refuses), stream)
    assert (error.step, error.upstream_status, error.status_code) == ("llm/MicroService", theirs, ours)
    assert error.detail == f"step 'llm/MicroService' answered with status {theirs}"
    assert "secret" in error.excerpt and "secret" not in error.detail


@pytest.mark.parametrize("stream", [False, True])
def test_nobody_there(either_way, stream):
    gone = MicroService(name="llm", host="127.0.0.1", port=free_port(), use_remote_service=True)
    error = error_of(chain(gone), stream)
    assert (error.step, error.upstream_status, error.status_code) == ("llm/MicroService", None, 503)


def test_no_such_host(either_way):
    gone = MicroService(name="llm", host="nobody.invalid", port=80, use_remote_service=True)
    assert error_of(chain(gone)).status_code == 503


def test_an_answer_that_is_no_json(upstream, either_way):
    speaks = upstream.service("s1", lambda exchange: exchange.bytes(b"<html>", "text/html"))
    error = error_of(chain(speaks))
    assert (error.step, error.status_code, error.upstream_status) == ("s1/MicroService", 502, 200)


def test_a_step_that_takes_too_long(upstream, either_way):
    slow = upstream.service("slow", lambda exchange: exchange.wait_until_left(5))
    flow = chain(slow)
    flow.step_time = 0.2
    assert error_of(flow).status_code == 504


def test_an_output_that_cannot_be_merged(upstream):
    flow = chain(upstream.service("s1", [1, 2]), upstream.service("s2", {}))
    error = error_of(flow)
    assert error.step == "s2/MicroService" and "align_outputs" in error.detail


def test_a_failure_ends_the_other_steps(upstream, either_way):
    left = []
    slow = upstream.service("slow", lambda exchange: left.append(exchange.wait_until_left(5)))
    bad = upstream.service("bad", lambda exchange: exchange.json({}, 500))
    flow = ServiceOrchestrator().add(slow).add(bad)
    assert error_of(flow).step == "bad/MicroService"
    for _ in range(200):
        if left:
            break
        asyncio.run(asyncio.sleep(0.01))
    assert left == [True]


def test_a_stream_to_two_steps_is_refused(upstream, either_way):
    def answer(exchange):
        exchange.begin_stream()
        exchange.end_stream()

    model = upstream.service("llm", answer, ServiceType.LLM)
    flow = ServiceOrchestrator().add(model)
    for name in ("s1", "s2"):
        step = upstream.service(name, {})
        flow.add(step).flow_to(model, step)
    assert "multiple stream downstreams" in error_of(flow, stream=True).detail


def test_a_stream_through_two_steps_is_refused(upstream, either_way):
    def answer(exchange):
        exchange.begin_stream()
        exchange.end_stream()

    model = upstream.service("llm", answer, ServiceType.LLM)
    error = error_of(chain(model, upstream.service("s1", {}), upstream.service("s2", {})), stream=True)
    assert "one more step" in error.detail


def test_an_error_between_steps_is_told():
    class Mine(ServiceOrchestrator):
        async def execute(self, session, req_start, cur_node, *args, **kwargs):
            return "no dict", cur_node

    flow = Mine()
    first, second = (MicroService(name=name, use_remote_service=True) for name in ("s1", "s2"))
    flow.add(first).add(second).flow_to(first, second)
    with pytest.raises(ValueError):
        asyncio.run(asyncio.wait_for(flow.schedule({"text": "q"}), 5))


def test_an_address_that_is_none(either_way):
    with pytest.raises(ValueError, match="not a server's address"):
        asyncio.run(chain(MicroService(name="s", host="", use_remote_service=True, protocol="ftp")).schedule({}))


def test_inputs_that_are_no_json(upstream, either_way):
    with pytest.raises(TypeError, match="not JSON serializable"):
        asyncio.run(chain(upstream.service("s1", {})).schedule({"text": object()}))
