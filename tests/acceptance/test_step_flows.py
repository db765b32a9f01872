"""Flows in Opaline's own form: conditions, switches, maps, retries, fallbacks, flows inside of flows."""
import json
import time

import pytest
import requests
import yaml

from test_json_flows import services  # noqa: F401  (a fixture)


@pytest.fixture
def run(start, tmp_path, services):  # noqa: F811
    """run(steps, **more) → a server with that flow at /v1/flow; its services are at `services`."""
    def make(steps, more=None, files=None):
        for name, content in (files or {}).items():
            (tmp_path / name).write_text(yaml.safe_dump(content))
        flow = {"flow": "test", "endpoint": "/v1/flow", "steps": steps, **(more or {})}
        (tmp_path / "flow.yaml").write_text(yaml.safe_dump(flow, sort_keys=False))
        return start(tmp_path / "flow.yaml")

    return make


def test_inputs_outputs_and_conditions(run, services):  # noqa: F811
    server = run({"one": {"uses": services.url + "/add", "input": {"number": "${request.n}"}},
                  "two": {"uses": services.url + "/double", "when": "${steps.one.number > 5}",
                          "input": {"number": "${steps.one.number}"}},
                  "last": {"needs": "two", "uses": services.url + "/add",
                           "input": {"number": "${steps.two.doubled ?? steps.one.number}"}}},
                 {"output": {"answer": "${steps.last.number}", "doubled": "${steps.two != null}"}})
    assert server.post("/v1/flow", {"n": 1}).json() == {"answer": 3, "doubled": False}
    assert server.post("/v1/flow", {"n": 7}).json() == {"answer": 17, "doubled": True}


def test_a_switch_and_a_map(run, services):  # noqa: F811
    server = run({"each": {"uses": services.url + "/double", "input": {"number": "${x}"},
                           "map": {"over": "${request.numbers}", "as": "x", "concurrency": 2}},
                  "route": {"needs": "each", "switch": [{"when": "${len(steps.each) > 2}", "then": "many"}, {"else": "few"}]},
                  "many": {"input": {"many": "${pluck(steps.each, 'doubled')}"}},
                  "few": {"input": {"few": "${pluck(steps.each, 'doubled')}"}}})
    assert server.post("/v1/flow", {"numbers": [1, 2, 3]}).json() == {"many": [2, 4, 6]}
    assert server.post("/v1/flow", {"numbers": [5]}).json() == {"few": [10]}
    assert server.post("/v1/flow", {"numbers": []}).json() == {"few": []}


def test_what_fails_is_replaced_skipped_or_handled(run, services):  # noqa: F811
    server = run({"a": {"uses": "broken", "input": {"number": 1}, "fallback": "steady"},
                  "b": {"uses": "broken", "input": "${steps.a}", "on_error": "skip"},
                  "c": {"needs": "b", "uses": "broken", "on_error": "sorry", "retry": {"attempts": 2, "backoff": "1ms"}},
                  "d": {"needs": "c", "uses": "steady"},
                  "sorry": {"input": {"why": "${error.message}", "step": "${error.step}", "b": "${steps.b}"}}},
                 {"services": {"broken": {"url": services.url + "/broken"}, "steady": {"url": services.url + "/add"}},
                  "output": "${steps.sorry}"})
    reply = server.post("/v1/flow", {}).json()
    assert reply["step"] == "c" and "503" in reply["why"] and reply["b"] is None
    asked = [path for path, _, _ in services.asked]
    assert asked == ["/v1/broken", "/v1/add", "/v1/broken", "/v1/broken", "/v1/broken"]


def test_equal_questions_are_answered_from_the_cache(run, services):  # noqa: F811
    server = run({"a": {"uses": services.url + "/add", "cache": "1m"}})
    for _ in range(3):
        assert server.post("/v1/flow", {"number": 1}).json() == {"number": 2}
    assert server.post("/v1/flow", {"number": 2}).json() == {"number": 3}
    assert len(services.asked) == 2


def test_a_flow_inside_of_a_flow(run, services):  # noqa: F811
    inner = {"flow": "inner", "steps": {"x": {"uses": services.url + "/add"}, "y": {"needs": "x", "uses": services.url + "/double"}}}
    server = run({"a": {"uses": "./inner.yaml", "input": {"number": "${request.n}"}},
                  "b": {"needs": "a", "uses": services.url + "/add", "input": {"number": "${steps.a.doubled}"}}},
                 files={"inner.yaml": inner})
    assert server.post("/v1/flow", {"n": 4}).json() == {"number": 11}
    broken = server.post("/v1/flow", {"n": "x"})
    assert broken.status_code >= 400 and "step 'a': step 'x'" in broken.json()["error"]["message"]


def test_a_flow_inside_streams_and_its_steps_are_observed(run, services):  # noqa: F811
    words = {"words": {"kind": "llm", "url": services.url + "/words"}}
    innermost = {"flow": "innermost", "services": words, "steps": {"say": {"uses": "words"}}}
    inner = {"flow": "inner", "steps": {"x": {"uses": services.url + "/guard"}, "deep": {"needs": "x", "uses": "./innermost.yaml"}}}
    server = run({"a": {"uses": services.url + "/guard"}, "b": {"needs": "a", "uses": "./inner.yaml"}},
                 files={"inner.yaml": inner, "innermost.yaml": innermost})
    reply = server.post("/v1/flow", {"text": "count", "stream": True})
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.text == "data: b'One'\n\ndata: b' two.'\n\ndata: b' Three'\n\ndata: [DONE]\n\n"
    assert {"a", "b", "b.x", "b.deep", "b.deep.say"} <= server.get("/v1/statistics").json().keys()
    assert 'rag_latency_seconds_count{stage="generation"} 1' in server.get("/metrics").text


def test_an_expression_that_cannot_be_computed_names_its_step(run, services):  # noqa: F811
    server = run({"a": {"uses": services.url + "/add", "input": {"number": "${request.n + 1}"}}})
    reply = server.post("/v1/flow", {"n": "x"})
    assert reply.status_code == 400
    message = reply.json()["error"]["message"]
    assert message.startswith("step 'a':") and "column" in message and json.dumps("x") not in message


def until(check, seconds=20):
    limit = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_a_changed_file_is_followed_and_a_wrong_one_changes_nothing(run, services, tmp_path):  # noqa: F811
    def write(steps, name="flow.yaml", **more):
        (tmp_path / name).write_text(yaml.safe_dump({"flow": "test", "endpoint": "/v1/flow", "steps": steps, **more}))

    write({"x": {"input": {"inner": 1}}}, name="inner.yaml")
    server = run({"before": {"uses": services.url + "/add"}})
    ask = lambda: server.post("/v1/flow", {"number": 1}).json()  # noqa: E731
    assert ask() == {"number": 2}
    write({"a": {"uses": services.url + "/double"}})
    until(lambda: ask() == {"doubled": 2})
    write({"a": {"uses": "nobody"}})
    until(lambda: any(event["event"] == "flow_not_reloaded" for event in server.events()))
    reason = next(event for event in server.events() if event["event"] == "flow_not_reloaded")["reason"]
    assert "'nobody'" in reason and "flow.yaml:" in reason
    assert ask() == {"doubled": 2}
    write({"a": {"uses": services.url + "/double"}}, port=1)
    until(lambda: any("started anew" in event.get("reason", "") for event in server.events()))
    write({"a": {"uses": "./inner.yaml"}})
    until(lambda: ask() == {"inner": 1})
    write({"x": {"input": {"inner": 2}}}, name="inner.yaml")
    until(lambda: ask() == {"inner": 2})
    assert {"before", "a"} <= server.get("/v1/statistics").json().keys()


def test_models_that_this_server_cannot_run_are_refused(start, tmp_path, services):  # noqa: F811
    file = tmp_path / "flow.yaml"

    def write(*models):
        entries = {f"m{i}": {"kind": "embedding", **({"model": model} if model else {})} for i, model in enumerate(models)}
        steps = {f"s{i}": {"uses": name} for i, name in enumerate(entries)}
        file.write_text(yaml.safe_dump({"flow": "test", "services": entries, "steps": steps}))

    write("all-minilm-l6-v2", "other")
    with pytest.raises(AssertionError, match="'m0' wants the model 'all-minilm-l6-v2', 'm1' wants the model 'other'"):
        start(file)
    write("all-minilm-l6-v2", None)
    server = start(file)
    write("other")
    until(lambda: any("'m0' wants the model 'other', this server runs the model 'all-minilm-l6-v2'" in event.get("reason", "")
                      for event in server.events()))


def test_a_repaired_flow_inside_is_seen(run, services, tmp_path):  # noqa: F811
    def write(text):
        (tmp_path / "inner.yaml").write_text(text)

    inner = "flow: inner\nsteps: {x: {input: {inner: %d}}}\n"
    write(inner % 1)
    server = run({"a": {"uses": "./inner.yaml"}})
    ask = lambda: server.post("/v1/flow", {}).json()  # noqa: E731
    assert ask() == {"inner": 1}
    write(inner.replace("steps", "stepz") % 2)
    until(lambda: any(event["event"] == "flow_not_reloaded" for event in server.events()))
    assert ask() == {"inner": 1}
    write(inner % 3)
    until(lambda: ask() == {"inner": 3})


def test_a_new_flow_inside_is_seen_once_it_is_right(run, services, tmp_path):  # noqa: F811
    server = run({"a": {"input": {"inner": 0}}})
    (tmp_path / "new.yaml").write_text("flow: new\nstepz: {}\n")
    (tmp_path / "flow.yaml").write_text(yaml.safe_dump({"flow": "test", "endpoint": "/v1/flow", "steps": {"a": {"uses": "./new.yaml"}}}))
    until(lambda: any(event["event"] == "flow_not_reloaded" for event in server.events()))
    assert server.post("/v1/flow", {}).json() == {"inner": 0}
    (tmp_path / "new.yaml").write_text("flow: new\nsteps: {x: {input: {inner: 1}}}\n")
    until(lambda: server.post("/v1/flow", {}).json() == {"inner": 1})


def test_a_stream_under_way_keeps_its_flow(run, services, tmp_path):  # noqa: F811
    server = run({"a": {"uses": "words"}}, {"services": {"words": {"kind": "llm", "url": services.url + "/slow_words"}}})
    reply = requests.post(server.url + "/v1/flow", json={"text": "x", "stream": True}, stream=True, timeout=60)
    pieces = reply.iter_content(None)
    assert b"One" in next(pieces)
    (tmp_path / "flow.yaml").write_text(yaml.safe_dump({"flow": "test", "endpoint": "/v1/flow", "steps": {"b": {"input": {"new": True}}}}))
    until(lambda: any(event["event"] == "flow_reloaded" for event in server.events()))
    assert server.post("/v1/flow", {}).json() == {"new": True}
    services.go_on.set()
    assert b"".join(pieces).endswith(b"data: [DONE]\n\n")
