"""Flow files of other platforms: read, run as those platforms run them (but for their faults), and converted."""
import json

import pytest
import yaml

from conftest import MARIGOLD, ROOT
from conftest import run as command
from test_json_flows import services  # noqa: F401


@pytest.fixture
def connector(start, tmp_path):
    """connector(nodes) → a server that runs a GMConnector with these nodes, at /v1/two."""
    def make(nodes):
        file = tmp_path / "connector.yaml"
        file.write_text(yaml.safe_dump({"apiVersion": "gmc.opea.io/v1alpha3", "kind": "GMConnector",
                                        "metadata": {"name": "two"}, "spec": {
                                            "routerConfig": {"name": "router", "serviceName": "router-service"},
                                            "nodes": nodes}}))
        return start(file)

    return make


def step(services, path, **more):  # noqa: F811
    return {"name": path, "externalService": f"{services.url}/{path}", **more}


def test_a_sequence_passes_responses_on_with_the_requests_parameters(connector, services):  # noqa: F811
    server = connector({"root": {"routerType": "Sequence", "steps": [
        step(services, "add"), {"name": "Tgi", "internalService": {"serviceName": "x", "isDownstreamService": True}},
        step(services, "add", data="$response"), step(services, "double", data="$response")]}})
    reply = server.post("/v1/two", {"number": 1, "parameters": {"top": 3}})
    assert reply.status_code == 200 and reply.json() == {"doubled": 6}
    assert [(path, body) for path, body, _ in services.asked] == [
        ("/v1/add", {"number": 1, "parameters": {"top": 3}}),
        ("/v1/add", {"number": 2, "parameters": {"top": 3}, "top": 3}),
        ("/v1/double", {"number": 3, "parameters": {"top": 3}, "top": 3})]


def test_a_failed_step_is_an_error_unless_it_is_soft(connector, services):  # noqa: F811
    server = connector({"root": {"routerType": "Sequence", "steps": [
        step(services, "add"), step(services, "broken", data="$response", dependency="Soft"),
        step(services, "double", data="$response")]}})
    assert server.post("/v1/two", {"number": 1}).json() == {"doubled": 4}, "the answer before the soft one counts"

    services.asked.clear()
    server = connector({"root": {"routerType": "Sequence", "steps": [
        step(services, "broken"), step(services, "double", data="$response")]}})
    reply = server.post("/v1/two", {"number": 1})
    assert reply.status_code >= 500 and "broken" in reply.text and "503" in reply.text
    assert [path for path, _, _ in services.asked] == ["/v1/broken"]


def test_a_switch_by_the_request_and_a_condition_on_the_answer(connector, services):  # noqa: F811
    nodes = {"root": {"routerType": "Sequence", "steps": [
        {"name": "Embedding", "nodeName": "size"},
        step(services, "double", data="$response", condition="number")]},
        "size": {"routerType": "Switch", "steps": [
            step(services, "add", condition="model-id==small"),
            step(services, "shout", condition="model-id==large"),
            step(services, "guard", data="$response", condition="model-id==large")]}}
    server = connector(nodes)
    assert server.post("/v1/two", {"number": 1, "model-id": "small"}).json() == {"doubled": 4}
    # The guard's answer has no number: the sequence ends with it.
    large = server.post("/v1/two", {"text": "hello", "model-id": "large"}).json()
    assert large["text"] == "HELLO" and "doubled" not in large
    none = server.post("/v1/two", {"number": 1, "model-id": "tiny"})
    assert none.status_code == 400 and "size" in none.text, none.text


def test_an_ensemble_answers_by_name_and_feeds_the_next(connector, services):  # noqa: F811
    server = connector({"root": {"routerType": "Ensemble", "steps": [
        step(services, "add"), step(services, "double"), step(services, "broken", dependency="Soft")]}})
    assert server.post("/v1/two", {"number": 5}).json() == {"add": {"number": 6}, "double": {"doubled": 10},
                                                            "broken": None}


def test_a_model_at_the_end_of_a_switch_streams(connector, services):  # noqa: F811
    server = connector({"root": {"routerType": "Switch", "steps": [
        {"name": "Llm", "condition": "model==a", "externalService": services.url + "/words"},
        {"name": "Llm", "condition": "model==b", "externalService": services.url + "/shout"}]}})
    events = list(server.stream("/v1/two", {"text": "x", "model": "a", "stream": True}))
    assert events == ["b'One'", "b' two.'", "b' Three'", "[DONE]"]


def test_a_canvas_of_studio_runs(start, tmp_path, services):  # noqa: F811
    """With the hosts that Studio would give replaced, as a person does after converting."""
    canvas = tmp_path / "canvas.json"
    canvas.write_text(json.dumps({"nodes": [
        {"data": {"id": "chat_input_0", "name": "chat_input", "category": "Controls", "inputs": {}}},
        {"data": {"id": "opea_service@llm_tgi_0", "name": "opea_service@llm_tgi", "inMegaservice": True,
                  "inputs": {"text": "{{chat_input_0.data.instance}}", "top_k": 7}}}], "edges": []}))
    flow = tmp_path / "flow.yaml"
    done = command("flow", "convert", canvas, flow)
    assert "is a flow of steps" in done.stdout and "http://opea-NODE" in done.stderr
    text = flow.read_text()
    flow.write_text(text.replace("http://opea-llm-tgi-0:9000/v1/chat/completions", services.url + "/words"))
    server = start(flow)
    asked = {"messages": [{"role": "user", "content": "Hello?"}], "stream": True}
    assert list(server.stream("/v1/app-backend", asked))[-1] == "[DONE]"
    path, body, _ = services.asked[0]
    assert (path, body["messages"], body["top_k"]) == ("/v1/words", asked["messages"], 7)


def test_a_conversion_that_loses_something_says_so_and_waits(tmp_path):
    flow = tmp_path / "flow.yaml"
    flow.write_text("flow: a\nsteps: {x: {uses: 'http://127.0.0.1:1/x', retry: 3}}\n")
    out = tmp_path / "out.yaml"
    refused = command("flow", "convert", flow, out, "--form", "opea", check=False)
    assert refused.returncode == 1 and not out.exists()
    assert "cannot say: step 'x': 'retry'" in refused.stderr and "--partial" in refused.stderr
    command("flow", "convert", flow, out, "--form", "opea", "--partial")
    assert "# Not in this file: step 'x': 'retry'" in out.read_text()
    assert command("check", out).stdout.startswith("The flow is well formed.")


def test_every_example_becomes_a_flow_of_steps(tmp_path):
    for example in sorted((ROOT / "examples").glob("*.yaml")):
        out = tmp_path / example.name
        command("flow", "convert", example, out)
        assert command("check", out).stdout.startswith("The flow is well formed."), example


def test_a_wrong_file_is_explained_with_its_place(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("kind: GMConnector\nmetadata: {name: a}\nspec:\n  nodes:\n    root:\n      routerType: Sequnce\n"
                    "      steps: [{name: Llm, externalService: 'http://h/x'}]\n")
    wrong = command("flow", "convert", file, "-", check=False)
    assert wrong.returncode == 1 and f"{file}:6:19:" in wrong.stderr and "did you mean 'Sequence'?" in wrong.stderr
    missing = command("flow", "convert", tmp_path / "none.yaml", "-", check=False)
    assert missing.returncode == 1 and "no flow file" in missing.stderr


def test_chatqna_as_a_flow_of_steps_cites_the_same_documents(start, tmp_path):
    typed, flow = tmp_path / "typed.yaml", tmp_path / "flow.yaml"
    typed.write_text("opea_micro_services: {embedding: {}, retrieval: {}, reranking: {}, llm: {}}\n"
                     "opea_mega_service: {mega_flow: [embedding >> retrieval >> reranking >> llm]}\n")
    command("flow", "convert", typed, flow)
    server = start(flow)
    server.ingest(MARIGOLD)
    reply = server.post("/v1/chatqna", {"messages": "How many days of annual leave do full-time staff get?"}).json()
    assert "27 days" in reply["choices"][0]["message"]["content"]
    assert reply["sources"][0]["source"] == "handbook/leave.md" and reply["citations"][0]["supported"]
