"""A request's way through a graph, with and without hooks."""

import asyncio
import threading
import time

import pytest
from conftest import chain
from fastapi.responses import StreamingResponse

from comps import ServiceOrchestrator, ServiceType
from comps.cores.proto.api_protocol import ChatCompletionRequest
from comps.cores.proto.docarray import LLMParams


def run(flow, inputs, parameters=None, **kwargs):
    return asyncio.run(flow.schedule(inputs, parameters or LLMParams(stream=False), **kwargs))


def adds(text):
    return lambda exchange: exchange.json({"text": exchange.body["text"] + text})


def nothing(self, inputs, *args, **kwargs):
    return inputs


@pytest.fixture(params=["in the core", "with hooks"])
def either_way(request):
    if request.param == "with hooks":
        ServiceOrchestrator.align_inputs = nothing
        ServiceOrchestrator.align_outputs = nothing


def test_a_chain_hands_on(upstream, either_way):
    flow = chain(upstream.service("s1", adds("b")), upstream.service("s2", adds("c")))
    results, graph = run(flow, {"text": "a"})
    assert results == {"s1/MicroService": {"text": "ab"}, "s2/MicroService": {"text": "abc"}}
    assert graph.all_leaves() == ["s2/MicroService"]
    assert flow.get_all_final_outputs(results, graph) == {"s2/MicroService": {"text": "abc"}}


def test_branches_run_side_by_side_and_join(upstream, either_way):
    both = threading.Barrier(2, timeout=5)

    def branch(key):
        def answer(exchange):
            both.wait()
            exchange.json({key: exchange.body["text"]})

        return answer

    first = upstream.service("first", {"text": "t"})
    left, right = upstream.service("left", branch("l")), upstream.service("right", branch("r"))
    join = upstream.service("join", lambda exchange: exchange.json(exchange.body))
    flow = ServiceOrchestrator().add(first).add(left).add(right).add(join)
    for before, after in ((first, left), (first, right), (left, join), (right, join)):
        flow.flow_to(before, after)
    results, _ = run(flow, {})
    assert results["join/MicroService"] == {"l": "t", "r": "t"}
    assert len(upstream.asked("join")) == 1


def test_a_black_list_cuts_what_it_names(upstream, either_way):
    first = upstream.service("s1", {"text": "t", "downstream_black_list": ["^s2", "(", "zzz"]})
    second, third = upstream.service("s2", adds("2")), upstream.service("s3", adds("3"))
    flow = ServiceOrchestrator().add(first).add(second).add(third)
    flow.flow_to(first, second)
    flow.flow_to(first, third)
    results, graph = run(flow, {"text": "q"})
    assert set(results) == {"s1/MicroService", "s3/MicroService"}
    assert "s2/MicroService" not in graph.graph


def test_a_blocked_stream_says_why(upstream, either_way):
    guard = upstream.service("guard", {"text": "It's über no", "downstream_black_list": [".*"]})
    model = upstream.service("llm", {}, ServiceType.LLM)

    async def ask():
        results, _ = await chain(guard, model).schedule({"text": "q"}, LLMParams(stream=True))
        response = results["guard/MicroService"]
        assert isinstance(response, StreamingResponse)
        return [piece async for piece in response.body_iterator]

    assert asyncio.run(ask()) == ["data: " + repr("It's über no".encode()) + "\n\n", "data: [DONE]\n\n"]
    assert upstream.asked("llm") == []


def test_a_model_gets_the_parameters(upstream, either_way):
    model = upstream.service("llm", lambda exchange: exchange.json({"text": "ok"}), ServiceType.LLM)
    run(chain(model), {"text": "q", "temperature": 9}, LLMParams(stream=False, temperature=0.5, model="m"))
    asked = upstream.asked("llm")[0]
    assert (asked["text"], asked["temperature"], asked["model"], asked["stream"]) == ("q", 0.5, "m", False)


def test_a_message_is_sent_without_what_is_none(upstream, either_way):
    echo = upstream.service("echo", lambda exchange: exchange.json(exchange.body))
    results, _ = run(chain(echo), ChatCompletionRequest(messages=[{"role": "user", "content": "hi"}]))
    assert results["echo/MicroService"]["messages"] == [{"role": "user", "content": "hi"}]
    assert "seed" not in results["echo/MicroService"]


def test_sound_comes_as_bytes(upstream, either_way):
    tts = upstream.service("tts", lambda exchange: exchange.bytes(b"RIFF\0", "audio/wav"))
    results, _ = run(chain(tts), {"text": "q"})
    assert results["tts/MicroService"] == b"RIFF\0"


def test_no_key_no_authorization(upstream, either_way):
    run(chain(upstream.service("open", {"ok": 1})), {"text": "q"})
    assert upstream.requests[0].headers["Authorization"] is None


def test_a_key_is_sent(upstream, either_way):
    closed = upstream.service("closed", {"ok": 1}, host=f"http://127.0.0.1:{upstream.port}", api_key="sesame")
    run(chain(closed), {"text": "q", "model": "m"})
    assert upstream.requests[0].headers["Authorization"] == "Bearer sesame"


def test_what_the_caller_gave_stays_as_it_was(upstream):
    def eats(self, inputs, *args, **kwargs):
        inputs["more"] = 1
        del inputs["text"]
        return inputs

    ServiceOrchestrator.align_inputs = eats
    given = {"text": "q"}
    run(chain(upstream.service("s1", {"ok": 1})), given)
    assert given == {"text": "q"}


def test_hooks_get_what_opea_gives_them(upstream):
    seen = []

    def align_inputs(self, inputs, cur_node, runtime_graph, llm_parameters_dict, **kwargs):
        seen.append((self.services[cur_node].service_type, runtime_graph.size(), llm_parameters_dict["top_k"], kwargs))
        return {"text": inputs["text"] + "!"}

    def align_outputs(self, data, cur_node, inputs, runtime_graph, llm_parameters_dict, **kwargs):
        return {"text": data["text"] + inputs["text"] + kwargs["mark"]}

    ServiceOrchestrator.align_inputs = align_inputs
    ServiceOrchestrator.align_outputs = align_outputs
    flow = chain(upstream.service("s1", adds("1"), ServiceType.RETRIEVER))
    results, _ = run(flow, {"text": "a"}, LLMParams(stream=False, top_k=3), mark="?")
    assert seen == [(ServiceType.RETRIEVER, 1, 3, {"mark": "?"})]
    assert results["s1/MicroService"] == {"text": "a!1a!?"}


def test_hooks_of_one_object_are_its_own(upstream):
    with_hook, without = chain(upstream.service("s1", adds("1"))), chain(upstream.service("s2", adds("2")))
    with_hook.align_outputs = lambda data, *args, **kwargs: {"seen": data}
    assert run(with_hook, {"text": ""})[0] == {"s1/MicroService": {"seen": {"text": "1"}}}
    assert run(without, {"text": ""})[0] == {"s2/MicroService": {"text": "2"}}


def test_a_subclass_may_do_it_too(upstream):
    class Mine(ServiceOrchestrator):
        def align_outputs(self, data, cur_node, *args, **kwargs):
            return [data, cur_node]

    flow = Mine().add(upstream.service("s1", adds("1")))
    assert run(flow, {"text": ""})[0] == {"s1/MicroService": [{"text": "1"}, "s1/MicroService"]}


def test_execute_may_be_replaced(upstream):
    class Mine(ServiceOrchestrator):
        async def execute(self, session, req_start, cur_node, inputs, *args, **kwargs):
            output, node = await super().execute(session, req_start, cur_node, inputs, *args, **kwargs)
            return {"text": output["text"].upper()}, node

    first, second = upstream.service("s1", adds("b")), upstream.service("s2", adds("c"))
    flow = Mine().add(first).add(second)
    flow.flow_to(first, second)
    assert run(flow, {"text": "a"})[0]["s2/MicroService"] == {"text": "ABC"}


def test_a_hook_may_take_a_step_out(upstream):
    def align_outputs(self, data, cur_node, inputs, runtime_graph, llm_parameters_dict, **kwargs):
        if cur_node.startswith("retriever"):
            for following in reversed(runtime_graph.downstream(cur_node)):
                for after in runtime_graph.downstream(following):
                    runtime_graph.add_edge(cur_node, after)
                runtime_graph.delete_node_if_exists(following)
        return data

    ServiceOrchestrator.align_outputs = align_outputs
    flow = chain(*(upstream.service(name, adds(name[0])) for name in ("retriever", "rerank", "llm")))
    results, graph = run(flow, {"text": ""})
    assert results["llm/MicroService"] == {"text": "rl"}
    assert set(graph.graph) == {"retriever/MicroService", "llm/MicroService"}
    assert flow.size() == 3, "the megaservice's own graph is another one"


def test_an_error_in_a_hook_is_the_caller_s(upstream):
    def align_outputs(self, data, *args, **kwargs):
        raise KeyError("query")

    ServiceOrchestrator.align_outputs = align_outputs
    with pytest.raises(KeyError, match="query"):
        run(chain(upstream.service("s1", {"ok": 1})), {"text": ""})


def test_hooks_see_the_request_s_context_variables(upstream):
    from contextvars import ContextVar

    user = ContextVar("user")
    seen = []

    def align_outputs(self, data, *args, **kwargs):
        seen.append(user.get())
        return data

    ServiceOrchestrator.align_outputs = align_outputs
    flow = chain(upstream.service("s1", adds("1")), upstream.service("s2", adds("2")))

    async def one(name):
        user.set(name)
        await flow.schedule({"text": name}, LLMParams(stream=False))

    async def both():
        await asyncio.gather(*(asyncio.create_task(one(name)) for name in ("alice", "bob")))

    asyncio.run(both())
    assert sorted(seen) == ["alice", "alice", "bob", "bob"]


def test_requests_share_nothing(upstream, either_way):
    def slow(exchange):
        time.sleep(0.05 if "slow" in exchange.body["text"] else 0)
        exchange.json({"text": exchange.body["text"]})

    flow = chain(upstream.service("s1", slow), upstream.service("s2", slow))

    async def many():
        texts = [f"{'slow ' if number % 2 else ''}{number}" for number in range(20)]
        answers = await asyncio.gather(*(flow.schedule({"text": text}, LLMParams(stream=False)) for text in texts))
        assert [results["s2/MicroService"]["text"] for results, _ in answers] == texts

    asyncio.run(many())


def test_connections_are_kept(upstream, either_way):
    ports = set()

    def answer(exchange):
        ports.add(exchange._handler.client_address[1])
        exchange.json({"text": ""})

    flow = chain(upstream.service("s1", answer))
    for _ in range(5):
        run(flow, {"text": ""})
    assert len(ports) == 1


def test_steps_get_the_trace(upstream, either_way):
    run(chain(upstream.service("s1", {"text": ""}), upstream.service("s2", {"text": ""})), {"text": ""})
    first, second = (exchange.headers["traceparent"].split("-") for exchange in upstream.requests)
    assert first[0] == "00" and len(first[1]) == 32
    assert first[1] == second[1] and first[2] != second[2]


def test_values_survive_the_way(upstream, either_way):
    value = {"text": "日本 \u2028 \x01 \"", "n": -3, "big": 2**63, "f": 0.1, "whole": 2.0, "l": [[], {}, None, True], "": {"a.b": 1}}
    echo = upstream.service("echo", lambda exchange: exchange.json(exchange.body))
    results, _ = run(chain(echo), value)
    assert results["echo/MicroService"] == value
    assert isinstance(results["echo/MicroService"]["whole"], float)


def test_a_yaml_file_describes_a_megaservice(upstream, tmp_path):
    from comps import ServiceOrchestratorWithYaml

    upstream.route("/a", adds("a"))
    upstream.route("/b", {"b": 1})
    upstream.route("/c", lambda exchange: exchange.json(exchange.body))
    steps = "".join(f"  {name}: {{endpoint: http://127.0.0.1:{upstream.port}/{name}}}\n" for name in "abc")
    path = tmp_path / "mega.yaml"
    path.write_text(f"opea_micro_services:\n{steps}opea_mega_service:\n  mega_flow: ['(a, b) >> c']\n")
    flow = ServiceOrchestratorWithYaml(str(path))
    asyncio.run(flow.schedule({"text": "t"}))
    assert flow.result_dict["c"] == {"text": "ta", "b": 1}
    path.write_text(f"opea_micro_services:\n{steps}opea_mega_service:\n  mega_flow: ['a >> b >> a']\n")
    with pytest.raises(Exception, match="Invalid mega graph!"):
        ServiceOrchestratorWithYaml(str(path))
