"""A service's own routes, batching, statistics; OPEA's and the RFC's ways to build a megaservice."""

import asyncio
import json
import threading
import urllib.request

import pytest
from conftest import free_port
from fastapi.testclient import TestClient

from comps import (
    MegaServiceEndpoint,
    MicroService,
    ServiceOrchestrator,
    ServiceType,
    TextDoc,
    opea_microservices,
    register_microservice,
    register_statistics,
    statistics_dict,
)
from comps.cores.mega import base_statistics
from comps.cores.mega.constants import MicroServiceEndpoint


@pytest.fixture
def service():
    made = MicroService(name="mine", host="127.0.0.1", port=free_port(), description="what it does")
    yield made
    made.stop()


def test_the_routes_of_every_service(service):
    client = TestClient(service.app)
    assert client.get("/v1/health_check").json() == {
        "Service Title": "mine",
        "Version": "1.5",
        "Service Description": "what it does",
    }
    assert (client.get("/health").status_code, client.get("/health").content) == (200, b"")
    assert client.get("/v1/statistics").status_code == 200
    assert "/v1/health_check" in client.get("/openapi.json").json()["paths"]


def test_http_metrics_have_the_usual_names(service):
    client = TestClient(service.app)
    client.get("/health")
    client.get("/nowhere/at/all")
    text = client.get("/metrics").text
    assert 'http_requests_total{handler="/health",method="GET",status="2xx"}' in text
    assert 'http_requests_total{handler="none",method="GET",status="4xx"}' in text
    assert "nowhere" not in text
    for name in ("request_size_bytes", "response_size_bytes", "request_duration_seconds", "request_duration_highr_seconds"):
        assert f"http_{name}_count" in text


def test_other_origins_may_ask(service):
    answer = TestClient(service.app).get("/health", headers={"Origin": "http://ui"})
    assert answer.headers["access-control-allow-origin"]


def test_names_and_addresses():
    remote = MicroService(name="s2", host="fakehost", port=8008, endpoint="/v1/add", use_remote_service=True)
    assert (remote.name, remote.endpoint_path()) == ("s2/MicroService", "http://fakehost:8008/v1/add")
    assert MicroService(use_remote_service=True).name == "MicroService"
    with pytest.raises(Exception, match="not allowed for a remote service"):
        remote.start()
    keyed = MicroService(name="llm", host="https://api.example.com", api_key="k", endpoint="/v1/x", use_remote_service=True)
    assert (keyed.endpoint_path("m"), keyed.api_key_value) == ("https://api.example.com/v1/x", "k")
    assert str(MegaServiceEndpoint.CHAT_QNA) == "/v1/chatqna"
    assert str(MicroServiceEndpoint.TTS) == "/v1/microservice/tts"
    assert (ServiceType.GATEWAY.value, ServiceType.LLM.value, ServiceType.ARB_POST_HEARING_ASSISTANT.value) == (0, 4, 28)


def test_a_registered_name_gathers_routes():
    settings = {"name": "adder", "host": "127.0.0.1", "port": free_port()}

    @register_microservice(endpoint="/v1/add", **settings)
    async def add(request: TextDoc) -> TextDoc:
        return TextDoc(text=request.text + "!")

    @register_microservice(endpoint="/v1/one", methods=["GET"], **settings)
    def one():
        return 1

    made = opea_microservices.pop("adder")
    client = TestClient(made.app)
    assert client.post("/v1/add", json={"text": "a"}).json()["text"] == "a!"
    assert client.get("/v1/one").json() == 1
    assert client.post("/v1/add", json={"text": {}}).status_code == 422
    made.stop()


def test_a_batch_that_fails_is_told_to_those_who_wait():
    async def run():
        made = MicroService(name="b", host="127.0.0.1", port=free_port(), dynamic_batching=True, dynamic_batching_timeout=0)
        calls = []

        async def infer(service_type, batch):
            calls.append([item["request"] for item in batch])
            if len(calls) == 1:
                raise ValueError("first")
            return [item["request"] * 2 for item in batch]

        made.dynamic_batching_infer = infer
        working = asyncio.create_task(made._dynamic_batch_processor())

        async def ask(request):
            response = asyncio.get_running_loop().create_future()
            made.request_buffer[ServiceType.EMBEDDING].append({"request": request, "response": response})
            return await asyncio.wait_for(response, 5)

        with pytest.raises(ValueError, match="first"):
            await ask(1)
        assert await asyncio.gather(ask(2), ask(3)) == [4, 6]
        assert calls == [[1], [2, 3]]
        working.cancel()
        made.stop()

    asyncio.run(run())


def test_clients_are_told_their_mistakes():
    """Also by handlers that read the body themselves, as OPEA's megaservices do."""
    from fastapi import Request

    from comps.cores.mega.utils import handle_message
    from comps.cores.proto.api_protocol import ChatCompletionRequest

    async def handle_request(request: Request):
        chat_request = ChatCompletionRequest.model_validate(await request.json())
        if chat_request.user == "ours":
            json.loads("{")
        return handle_message(chat_request.messages)

    made = MicroService(name="mega", host="127.0.0.1", port=free_port(), input_datatype=ChatCompletionRequest)
    made.add_route("/v1/chatqna", handle_request)
    client = TestClient(made.app, raise_server_exceptions=False)
    assert client.post("/v1/chatqna", json={"messages": "hi"}).json() == "hi"
    assert client.post("/v1/chatqna", content=b"{").status_code == 400
    wrong = client.post("/v1/chatqna", json={"messages": "hi", "top_k": -1})
    assert (wrong.status_code, wrong.json()["detail"][0]["loc"]) == (422, ["top_k"])
    unknown = client.post("/v1/chatqna", json={"messages": [{"role": "root", "content": "x"}]})
    assert (unknown.status_code, unknown.json()) == (400, {"detail": "Unknown role: root"})
    assert client.post("/v1/chatqna", json={"messages": [{"role": "user"}]}).status_code == 400
    assert client.post("/v1/chatqna", json={"messages": "hi", "user": "ours"}).status_code == 500
    made.stop()


def test_statistics_are_exact_and_bounded(monkeypatch):
    @register_statistics(names=["counted"])
    def handler():
        pass

    statistics = statistics_dict.pop("counted")
    assert statistics.get_statistics()["p50_latency"] is None
    for latency in (4.0, 1.0, 2.0, 3.0):
        statistics.append_latency(latency, latency / 10)
    result = statistics.get_statistics()
    assert (result["p50_latency"], result["average_latency"]) == (2.5, 2.5)
    assert result["p99_latency"] == pytest.approx(3.97)
    assert result["p50_latency_first_token"] == pytest.approx(0.25)
    for number in range(3 * base_statistics.WINDOW):
        statistics.append_latency(float(number))
    assert len(statistics.response_times) == base_statistics.WINDOW
    assert min(statistics.response_times) == 2 * base_statistics.WINDOW


def test_the_rfc_s_snippet():
    """As OPEA's design RFC writes it."""
    port = free_port()
    # fmt: off
    from comps import MicroService, ServiceOrchestrator
    embedding = MicroService(name="embedding", port=6000, expose_endpoint="/v1/embeddings", use_remote_service=True)
    llm = MicroService(name="llm", port=6001, expose_endpoint="/v1/chat/completions", use_remote_service=True)
    megaservice = ServiceOrchestrator(port=port, endpoint="/v1/chatqna")
    megaservice.add(embedding).add(llm)
    megaservice.flow_to(embedding, llm)
    # fmt: on
    assert embedding.endpoint_path() == "http://localhost:6000/v1/embeddings"
    assert megaservice.downstream("embedding/MicroService") == ["llm/MicroService"]
    assert (megaservice.port, megaservice.endpoint) == (port, "/v1/chatqna")


def test_an_orchestrator_serves_itself(upstream):
    embedding = upstream.service("embed", lambda exchange: exchange.json({"text": exchange.body["text"] + "1"}))
    llm = upstream.service("llm", lambda exchange: exchange.json({"text": exchange.body["text"] + "2"}), ServiceType.LLM)
    megaservice = ServiceOrchestrator(port=free_port(), endpoint="/v1/chatqna", host="127.0.0.1")
    megaservice.add(embedding).add(llm)
    megaservice.flow_to(embedding, llm)
    thread = threading.Thread(target=megaservice.start, daemon=True)
    thread.start()
    try:
        for _ in range(100):
            if hasattr(megaservice, "service") and megaservice.service.server is not None:
                break
            threading.Event().wait(0.02)
        request = urllib.request.Request(
            f"http://127.0.0.1:{megaservice.port}/v1/chatqna",
            json.dumps({"text": "q", "temperature": 0.7}).encode(),
            {"Content-Type": "application/json"},
        )
        assert json.load(urllib.request.urlopen(request, timeout=10)) == {"text": "q12"}
        assert upstream.asked("llm")[0]["temperature"] == 0.7
    finally:
        megaservice.stop()
        thread.join(10)
    with pytest.raises(ValueError, match="give the orchestrator a port"):
        ServiceOrchestrator().start()
