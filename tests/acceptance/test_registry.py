"""Services that register themselves: the examples in Python and Go, as they are and as `opaline new` writes them."""
import shutil
import subprocess
import sys
import time

import pytest
import requests

from conftest import ROOT, run
from test_mcp import with_session

EXAMPLES = ROOT / "examples/services"


@pytest.fixture
def launch():
    """launch(command, cwd, server) → the process, once it listens."""
    processes = []

    def start(command, folder, server):
        process = subprocess.Popen([*command, "--server" if "python" in command[0] else "-server", server.url],
                                   cwd=folder, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        line = process.stdout.readline()
        assert "listens on" in line, line
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


def until(check, seconds=20):
    limit = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_show_knows_the_services_of_the_flow_too(marigold):
    printed = run("services", "show", "retrieval", "--server", marigold.url).stdout
    assert "Passages for a question" in printed and "health" in printed and "ready" in printed
    assert '"kind":"reranking"' in run("services", "show", "reranking", "--json", "--server", marigold.url).stdout
    assert marigold.get("/v1/list_parameters").json()["reranking"] == {"top_n": {"type": "integer", "default": 5}}
    nobody = run("services", "show", "nobody", "--server", marigold.url, check=False)
    assert nobody.returncode == 1 and "no service is registered as 'nobody'" in nobody.stderr


def registered(server, name):
    return requests.get(f"{server.url}/v1/services/{name}", timeout=10).status_code == 200


@pytest.fixture
def shouting(start):
    return start(EXAMPLES / "python/shout/flow.yaml", ready=False)


def test_a_flow_waits_for_a_service_and_calls_it_when_it_is_there(shouting, launch):
    before = shouting.post("/v1/shout", {"text": "hello"})
    assert before.status_code == 503 and "no service is registered as 'shout'" in before.json()["error"]["message"]
    assert requests.get(shouting.url + "/readyz", timeout=10).status_code == 503
    launch([sys.executable, "shout.py"], EXAMPLES / "python/shout", shouting)
    until(lambda: registered(shouting, "shout"))
    assert shouting.post("/v1/shout", {"text": "hello", "id": 7}).json() == {"text": "HELLO", "id": 7}
    assert requests.get(shouting.url + "/readyz", timeout=10).status_code == 200
    wrong = shouting.post("/v1/shout", {"words": "hello"})
    assert wrong.status_code == 400 and "/text: is required, and missing" in wrong.json()["error"]["message"]

    listed = shouting.get("/v1/list_service").json()
    assert listed["shout"]["description"] == "Says a text in capitals"
    assert (listed["shout"]["health"], listed["shout"]["version"]) == ("ready", "1.0")
    assert shouting.get("/v1/list_parameters").json()["shout"] == {"text": {"type": "string"}}
    printed = run("services", "list", "--server", shouting.url).stdout
    assert "shout" in printed and "ready" in printed
    assert '"text"' in run("services", "show", "shout", "--server", shouting.url).stdout


@pytest.mark.skipif(shutil.which("go") is None, reason="Go is not installed")
def test_the_same_in_go(shouting, launch, tmp_path):
    binary = tmp_path / "shout"
    subprocess.run(["go", "build", "-o", str(binary), "."], cwd=EXAMPLES / "go/shout", check=True, timeout=300)
    launch([str(binary)], tmp_path, shouting)
    until(lambda: registered(shouting, "shout"))
    assert shouting.post("/v1/shout", {"text": "hello"}).json() == {"text": "HELLO"}


def test_instances_come_in_turn_and_go_with_their_lease(shouting, launch):
    card = {"url": "http://127.0.0.1:9/nobody", "lease_seconds": 1}
    reply = requests.put(f"{shouting.url}/v1/services/shout", json=card, timeout=10)
    assert reply.status_code == 201 and reply.json() == {"name": "shout", "lease_seconds": 1}
    assert requests.put(f"{shouting.url}/v1/services/shout", json=card, timeout=10).status_code == 200
    assert shouting.post("/v1/shout", {"text": "x"}).status_code == 503
    launch([sys.executable, "shout.py"], EXAMPLES / "python/shout", shouting)
    until(lambda: [one["version"] for one in shouting.get("/v1/services/shout").json().get("instances", [])] == ["1.0"])
    for _ in range(3):
        assert shouting.post("/v1/shout", {"text": "x"}).json() == {"text": "X"}
    dead = {**card, "lease_seconds": 60}  # Its share of the calls goes to the other one.
    assert requests.put(f"{shouting.url}/v1/services/shout", json=dead, timeout=10).status_code == 201
    for _ in range(4):
        assert shouting.post("/v1/shout", {"text": "x"}).json() == {"text": "X"}
    assert requests.delete(f"{shouting.url}/v1/services/shout", timeout=10).status_code == 204
    assert requests.delete(f"{shouting.url}/v1/services/shout", timeout=10).status_code == 404


def test_a_service_that_lies_about_its_answer_is_found_out(shouting, launch):
    launch([sys.executable, "shout.py"], EXAMPLES / "python/shout", shouting)
    until(lambda: registered(shouting, "shout"))
    [instance] = shouting.get("/v1/services/shout").json()["instances"]
    lie = {"url": instance["url"], "output_schema": {"type": "object", "required": ["volume"]}}
    assert requests.put(f"{shouting.url}/v1/services/shout", json=lie, timeout=10).status_code == 200
    reply = shouting.post("/v1/shout", {"text": "x"})
    assert reply.status_code == 500
    assert "its answer is not what it registered: /volume: is required, and missing" in reply.json()["error"]["message"]


def test_it_is_a_tool_of_mcp_as_long_as_it_is_registered(shouting, launch):
    async def names(session):
        return [tool.name for tool in (await session.list_tools()).tools]

    async def act(session):
        return {tool.name: tool for tool in (await session.list_tools()).tools}, \
            await session.call_tool("shout_service", {"text": "hello"}), await session.call_tool("shout_service", {})

    assert "shout_service" not in with_session("http", shouting.url, names)
    launch([sys.executable, "shout.py"], EXAMPLES / "python/shout", shouting)
    until(lambda: registered(shouting, "shout"))
    tools, said, refused = with_session("http", shouting.url, act)
    tool = tools["shout_service"]  # "shout" is the flow, by its endpoint.
    assert tool.description == "Says a text in capitals" and tool.inputSchema["required"] == ["text"]
    assert tool.annotations.openWorldHint and not tool.annotations.readOnlyHint
    assert said.structuredContent["text"] == "HELLO" and not said.isError
    assert refused.isError and "/text: is required" in refused.content[0].text


@pytest.mark.parametrize("card, expected", [
    ({}, "url"), ({"url": "ftp://x"}, "url"), ({"url": "unix:/run/x.sock"}, "http://"), ({"url": "http://h/x", "lease_seconds": 0}, "lease_seconds"),
    ({"url": "http://h/x", "health": "splendid"}, "health"), ({"url": "http://h/x", "input_schema": 7}, "input_schema"),
    ({"url": "http://h/x", "output_schema": {"properties": {"n": {"type": 12}}}}, "'output_schema': /properties/n/type")])
def test_a_wrong_card_is_refused_with_the_field(shouting, card, expected):
    reply = requests.put(f"{shouting.url}/v1/services/shout", json=card, timeout=10)
    assert reply.status_code == 400 and expected in reply.json()["error"]["message"]


def test_new_service_writes_one_that_passes_its_test_and_runs(start, launch, tmp_path):
    folder = tmp_path / "word_count"
    printed = run("new", "service", "word_count", "--folder", folder).stdout
    assert "word_count.py" in printed and "Try it" in printed
    subprocess.run([sys.executable, "-m", "unittest"], cwd=folder, check=True, capture_output=True, timeout=60)
    server = start(folder / "flow.yaml", ready=False)
    launch([sys.executable, "word_count.py"], folder, server)
    until(lambda: registered(server, "word_count"))
    assert server.post("/v1/word_count", {"text": "a"}).json() == {"text": "A"}
    again = run("new", "service", "word_count", "--folder", folder, check=False)
    assert again.returncode == 1 and "not empty" in again.stderr
    wrong = run("new", "service", "Word-Count", check=False)
    assert wrong.returncode == 1 and "word_count" in wrong.stderr
