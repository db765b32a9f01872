"""The command line, as a new user types it."""
import json
import pathlib

import pytest

from conftest import MARIGOLD, ROOT, run

COMMANDS = ["up", "serve", "ingest", "ask", "search", "documents", "services", "new", "check", "graph", "flow", "models", "doctor", "eval", "version"]


@pytest.fixture(scope="session")
def handbook(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files") / "marigold"
    for name, text in MARIGOLD.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (folder / "picture.png").write_bytes(b"\x89PNG")
    return folder


def test_help_names_every_command():
    text = run("--help").stdout
    for command in COMMANDS:
        assert command in text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command):
    text = run(command, "--help").stdout
    assert "Usage" in text or "Options" in text


def test_a_wrong_command_line_is_exit_code_2():
    assert run("dance", check=False).returncode == 2
    assert run(check=False).returncode == 2


def test_version():
    assert json.loads(run("version", "--json").stdout)["version"] in run("version").stdout


def test_ingest_search_ask_documents(start, handbook):
    server = start()
    done = run("ingest", handbook, "--server", server.url)
    assert "5 ready" in done.stdout, done.stdout
    assert "5 unchanged" in run("ingest", handbook, "--server", server.url).stdout

    hits = json.loads(run("search", "hotel in Oslo", "--json", "--server", server.url).stdout)["hits"]
    assert hits[0]["source"] == "marigold/handbook/travel.html"
    assert "marigold/handbook/travel.html" in run("search", "hotel in Oslo", "--server", server.url).stdout

    answer = run("ask", "How many days of annual leave do staff get?", "--server", server.url).stdout
    assert "27" in answer and "Sources" in answer and "marigold/handbook/leave.md" in answer
    assert json.loads(run("ask", "How many days of annual leave do staff get?", "--json", "--server", server.url).stdout)["declined"] is False

    rows = json.loads(run("documents", "list", "--json", "--server", server.url).stdout)["documents"]
    assert len(rows) == 5
    leave = next(row for row in rows if row["source"].endswith("leave.md"))
    assert "27 days" in run("documents", "show", leave["id"], "--text", "--server", server.url).stdout
    run("documents", "delete", leave["id"], "--server", server.url)
    assert len(server.documents()) == 4
    assert run("documents", "show", leave["id"], "--server", server.url, check=False).returncode == 1


def test_without_a_server_the_remedy_is_named():
    done = run("ask", "anything", "--server", "http://127.0.0.1:9", check=False)
    assert done.returncode == 1 and "opaline up" in done.stderr


def test_ingest_names_what_is_not_there():
    done = run("ingest", "/nowhere/at/all", check=False)
    assert done.returncode == 1 and "/nowhere/at/all" in done.stderr


def test_check_explains_a_right_flow():
    done = run("check", ROOT / "examples/chatqna.yaml")
    for word in ("embedding", "retrieval", "reranking", "llm", "8080"):
        assert word in done.stdout
    assert "embedding" in run("graph", ROOT / "examples/chatqna.yaml", "--format", "mermaid").stdout.split("flowchart LR")[1]
    assert run("graph", ROOT / "examples/support.yaml", "--format", "dot").stdout.startswith("digraph flow {")
    assert "embedding" in run("graph").stdout
    steps = json.loads(run("check", ROOT / "examples/chatqna.yaml", "--json").stdout)["steps"]
    assert [step["name"] for step in steps] == ["embedding", "retrieval", "reranking", "llm"]


def test_options_may_stand_in_a_file(start, tmp_path):
    file = tmp_path / "opaline.toml"
    file.write_text('rate-limit = 2\nlog-level = "error"\n')
    server = start("--config", file)
    answers = [server.post("/v1/search", {"query": "gate"}).headers["X-RateLimit-Limit-Requests"] for _ in range(2)]
    assert answers == ["2", "2"]
    assert not server.events(), "the log level is read too"
    file.write_text("rate-limit = 2\n")
    assert start("--config", file, "--rate-limit", "7").post("/v1/search", {"query": "gate"}).headers["X-RateLimit-Limit-Requests"] == "7"


@pytest.mark.parametrize("text, word", [
    ("prot = 8080\n", "'prot'"),
    ("[up]\nport = 8080\n", "'up.port'"),
    ("port = \"many\"\n", "--port"),
    ("port 8080\n", "no option"),
])
def test_a_wrong_configuration_file_is_explained(tmp_path, text, word):
    file = tmp_path / "opaline.toml"
    file.write_text(text)
    done = run("up", "--config", file, check=False)
    assert done.returncode == 2 and word in done.stderr
    assert run("up", "--config", tmp_path / "none.toml", check=False).returncode == 2


def test_models_are_listed_with_their_licence():
    text = run("models", "list").stdout
    assert "all-minilm-l6-v2" in text and "Apache-2.0" in text and "Gemma" in text
    rows = json.loads(run("models", "list", "--json").stdout)
    assert any(row["present"] for row in rows["models"])


def test_models_inspect():
    model = next((ROOT / "build/models").glob("all-minilm*.gguf"))
    assert "384" in run("models", "inspect", model).stdout


def test_doctor_finds_nothing_wrong_here(tmp_path):
    done = run("doctor", "--data", tmp_path / "data")
    assert "CPU" in done.stdout
    report = json.loads(run("doctor", "--data", tmp_path / "data", "--json").stdout)
    assert all(finding["state"] in ("good", "warning") for finding in report["findings"]), report


def test_serve_embedding_alone(start):
    server = start(command=("serve", "embedding"))
    reply = server.post("/v1/embeddings", {"input": ["a", "b"]}).json()
    assert len(reply["data"]) == 2
    assert server.post("/embed", {"inputs": "a"}).json()[0][0] == pytest.approx(reply["data"][0]["embedding"][0], abs=1e-6)
    assert server.get("/v1/health_check").json()["Version"]


def test_each_service_answers_on_the_port_of_the_flow_file(start, tmp_path):
    import socket
    ports = []
    for _ in range(2):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            ports.append(probe.getsockname()[1])
    flow = tmp_path / "flow.yaml"
    flow.write_text(f"""opea_micro_services:
  embedding: {{endpoint: /v1/embeddings, port: {ports[0]}}}
  retrieval: {{endpoint: /v1/retrieval, port: {ports[1]}}}
  reranking: {{endpoint: /v1/reranking}}
  llm: {{endpoint: /v1/chat/completions}}
opea_mega_service:
  port: 8080
  mega_flow:
    - embedding >> retrieval >> reranking >> llm
""")
    server = start(flow)
    import requests
    own = requests.post(f"http://127.0.0.1:{ports[0]}/v1/embeddings", json={"input": "a"}, timeout=30).json()
    assert len(own["data"][0]["embedding"]) == 384
    assert requests.post(f"http://127.0.0.1:{ports[1]}/v1/retrieval",
                         json={"text": "a", "embedding": own["data"][0]["embedding"]}, timeout=30).status_code == 200
    assert server.get("/health").status_code == 200
