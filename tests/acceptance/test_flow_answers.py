"""A flow of services of one's own, asked in every dialect for questions."""
import json

import pytest

from test_json_flows import services  # noqa: F401


@pytest.fixture
def flow(start, tmp_path):
    """flow(steps, **more) → a server with that flow of steps at /v1/mine."""
    def make(steps, **more):
        file = tmp_path / "flow.yaml"
        file.write_text(json.dumps({"flow": "mine", "steps": steps, **more}))
        return start(file)

    return make


MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "how many?"}]


def test_a_text_is_a_chat_completion_an_answer_and_opeas(flow, services):  # noqa: F811
    server = flow({"loud": {"uses": services.url + "/shout"}})
    reply = server.post("/v1/chat/completions", {"model": "opaline", "messages": MESSAGES, "temperature": 0.5}).json()
    assert reply["object"] == "chat.completion" and reply["choices"][0]["message"]["content"] == "HOW MANY?"
    path, asked, _ = services.asked[0]
    assert asked["text"] == "how many?" and asked["messages"] == MESSAGES and asked["temperature"] == 0.5
    assert server.post("/rag", {"query": "why?"}).json()["answer"] == "WHY?"
    assert server.post("/v1/chatqna", {"messages": "why?", "stream": False}).json()["choices"][0]["message"]["content"] == "WHY?"
    assert list(server.stream("/v1/chatqna", {"messages": "why?"})) == ["b'WHY?'", "[DONE]"]
    # At its own endpoint it takes and gives what its steps do.
    assert server.post("/v1/mine", {"text": "why?"}).json() == {"text": "WHY?"}


def test_a_stream_is_one_in_every_dialect(flow, services):  # noqa: F811
    server = flow({"words": {"uses": "llm"}}, services={"llm": {"url": services.url + "/words", "kind": "llm"}})
    chunks = list(server.stream("/v1/chat/completions", {"model": "opaline", "messages": MESSAGES, "stream": True}))
    assert chunks[-1] == "[DONE]"
    texts = [json.loads(one)["choices"][0]["delta"].get("content", "") for one in chunks[:-1]]
    assert "".join(texts) == "One two. Three" and texts.count("") <= 2
    assert list(server.stream("/v1/chatqna", {"messages": MESSAGES}))[:3] == ["b'One'", "b' two.'", "b' Three'"]


def test_what_is_no_text_is_said(flow, services):  # noqa: F811
    server = flow({"sound": {"uses": services.url + "/speech"}})
    reply = server.post("/v1/chat/completions", {"model": "opaline", "messages": MESSAGES})
    assert reply.status_code >= 400 and "audio/wav" in reply.text and "own endpoint" in reply.text
    server = flow({"sum": {"uses": services.url + "/double", "input": {"number": 4}}})
    reply = server.post("/v1/chat/completions", {"model": "opaline", "messages": MESSAGES}).json()
    assert json.loads(reply["choices"][0]["message"]["content"]) == {"doubled": 8}


def test_a_failed_step_is_an_error_of_the_dialect(flow, services):  # noqa: F811
    server = flow({"bad": {"uses": services.url + "/broken"}})
    reply = server.post("/v1/chat/completions", {"model": "opaline", "messages": MESSAGES})
    error = reply.json()["error"]
    assert reply.status_code >= 500 and "503" in error["message"] and error["step"] == "bad", error
    assert error["message"] == server.post("/v1/mine", {"text": "why?"}).json()["error"]["message"]


def test_a_flow_at_opeas_own_endpoint_keeps_it(flow, services):  # noqa: F811
    server = flow({"loud": {"uses": services.url + "/shout"}}, endpoint="/v1/chatqna")
    assert server.post("/v1/chatqna", {"text": "why?"}).json() == {"text": "WHY?"}
    assert server.post("/query", {"query": "why?"}).json()["answer"] == "WHY?"


def test_the_configuration_names_its_steps(flow, services):  # noqa: F811
    server = flow({"a": {"uses": services.url + "/add"}, "b": {"needs": "a", "input": {"x": 1}}, "c": {"uses": "llm", "needs": "b"}},
                  services={"llm": {"url": services.url + "/words", "kind": "llm"}})
    told = server.get("/v1/config").json()["flow"]
    assert told == {"endpoint": "/v1/mine", "steps": [{"name": "a", "kind": "custom", "after": []}, {"name": "b", "after": ["a"]},
                                                      {"name": "c", "kind": "llm", "after": ["b"]}]}


def test_tokens_and_steps_are_counted_in_every_dialect(flow, services):  # noqa: F811
    server = flow({"loud": {"uses": services.url + "/shout"}, "words": {"uses": "llm", "needs": "loud"}},
                  services={"llm": {"url": services.url + "/priced", "kind": "llm"}})
    for body in ({"stream": False}, {"stream": True}):
        server.post("/v1/chat/completions", {"model": "opaline", "messages": MESSAGES, **body}).raise_for_status()
    metrics = server.get("/metrics").text
    counted = [line for line in metrics.splitlines() if line.startswith("rag_tokens_total") and "completion" in line]
    assert counted and float(counted[0].rsplit(" ", 1)[1]) == 14, metrics
    assert {"loud", "words"} <= set(server.get("/v1/statistics").json())
