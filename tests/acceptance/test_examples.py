"""The flows under examples/: each is well formed, and OPEA's megaservices answer over services that speak their wire."""
import base64
import http.server
import json
import re
import threading

import pytest

from conftest import MARIGOLD, ROOT, run

EXAMPLES = sorted((ROOT / "examples").rglob("*.yaml"))


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: str(file.relative_to(ROOT / "examples")))
def test_every_example_is_well_formed(file):
    assert "well formed" in run("check", file).stdout


class Services(http.server.BaseHTTPRequestHandler):
    """What the examples expect at other places: each answers in its own form."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append((self.path, body))
        said = {"/v1/asr": lambda: {"asr_result": base64.b64decode(body["audio"]).decode()},
                "/v1/tts": lambda: {"tts_result": base64.b64encode(("wav of " + body["text"]).encode()).decode()},
                "/v1/chat/completions": lambda: self.chat(body),
                "/v1/web_retrieval": lambda: {"retrieved_docs": [{"text": "The bridge was opened in 1932."}, {"text": "Cats sleep."}]},
                "/embed": lambda: [[1.0, 2.0]],
                "/rerank": lambda: [{"index": i, "score": 1 - i / 10} for i in range(len(body["texts"]))],
                "/v1/embeddings": lambda: {"text": body["text"], "embedding": [1.0]},
                "/v1/multimodal_retrieval": lambda: {"retrieved_docs": [{"text": "A bridge."}], "initial_query": body["text"],
                                                     "metadata": [{"b64_img_str": "AAAA"}]},
                "/v1/lvm": lambda: {"text": f"seen: {body.get('metadata') or body.get('messages')}"},
                "/v1/retrieval": lambda: {"retrieved_docs": [{"text": "Marigold is a community."}, {"text": "It has 40 people."}]},
                "/v1/text2query": lambda: {"result": "Marigold has 40 staff"},
                "/v1/guardrails": lambda: {"text": "Violated policies", "downstream_black_list": [".*"]}
                if "tiger" in body["text"] else {"text": body["text"], "downstream_black_list": []}}[self.path]()
        content = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if isinstance(said, bytes) else "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    @staticmethod
    def chat(body):
        # OPEA's agents take a text where others take messages.
        last = body["messages"] if isinstance(body["messages"], str) else body["messages"][-1]["content"]
        text = f"<{last if isinstance(last, str) else last[0]['text']}>"
        if body.get("stream"):
            chunk = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
            return f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode()
        return {"object": "chat.completion", "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]}

    def log_message(self, *arguments):
        pass


@pytest.fixture
def example(start, tmp_path):
    """example(name) → a server with that example, its services elsewhere answered by one of ours."""
    servers = []

    def make(name):
        services = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Services)
        services.asked = []
        threading.Thread(target=services.serve_forever, daemon=True).start()
        servers.append(services)
        for file in (ROOT / "examples").glob("*.yaml"):
            (tmp_path / file.name).write_text(re.sub(r"http://127\.0\.0\.1:\d+/", f"http://127.0.0.1:{services.server_port}/",
                                                     file.read_text()))
        server = start(tmp_path / f"{name}.yaml")
        server.asked = services.asked
        return server

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


def content(reply):
    return reply.json()["choices"][0]["message"]["content"]


def test_audioqna_hears_and_speaks(example):
    reply = example("audioqna").post("/v1/audioqna", {"audio": base64.b64encode(b"how are you").decode()})
    assert base64.b64decode(reply.json()) == b"wav of <how are you>"


def test_codetrans_and_translation_prompt_a_model(example):
    server = example("codetrans")
    asked = {"language_from": "Go", "language_to": "C++", "source_code": "fmt.Println(1)"}
    assert content(server.post("/v1/codetrans", asked)) == "<fmt.Println(1)>"
    assert "from Go to C++" in server.asked[0][1]["messages"][0]["content"]
    streamed = server.post("/v1/codetrans", {**asked, "stream": True})
    assert streamed.headers["content-type"].startswith("text/event-stream") and streamed.text.endswith("data: [DONE]\n\n")
    reply = example("translation").post("/v1/translation", {"language_from": "German", "language_to": "English", "source_language": "Guten Tag"})
    assert content(reply) == "<Translate this from German to English: Guten Tag>"


def test_docsum_takes_parts_side_by_side(example):
    server = example("docsum")
    assert server.post("/v1/docsum", {"text": "long"}).json() == {"text": "<Summarise in a few sentences: long>"}
    whole = server.post("/v1/docsum", {"parts": ["a", "b"]}).json()["text"]
    assert whole == "<Make one summary of these: <Summarise in a few sentences: a> <Summarise in a few sentences: b>>"


def test_searchqna_orders_what_the_web_says(example):
    reply = example("searchqna").post("/v1/searchqna", {"messages": "When was the bridge opened?"})
    assert "1932" in content(reply) and content(reply).index("1932") < content(reply).index("Cats")


def test_hybridrag_joins_facts_and_passages(example):
    server = example("hybridrag")
    server.ingest(MARIGOLD)
    said = content(server.post("/v1/hybridrag", {"messages": "How many days of annual leave do the staff get?"}))
    assert "40 staff" in said and "27 days" in said


def test_visualqna_hands_pictures_on(example):
    server = example("visualqna")
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    reply = server.post("/v1/visualqna", {"messages": [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, picture]}]})
    assert content(reply) == "<What is it?>"
    assert server.asked[0][1]["messages"][0]["content"][1] == picture


def test_a_guarded_chatqna_answers_or_says_no(example):
    server = example("chatqna-guarded")
    server.ingest(MARIGOLD)
    assert "27 days" in content(server.post("/v1/guarded", {"text": "How many days of annual leave do full-time staff get?"}))
    assert server.post("/v1/guarded", {"text": "Where do I buy a tiger?"}).json()["text"] == "Violated policies"


MESSAGES = [{"role": "user", "content": "How many days of annual leave do full-time staff get?"}]


def test_codegen_takes_sources_where_an_index_is_named(example):
    server = example("codegen")
    server.ingest(MARIGOLD)
    assert content(server.post("/v1/codegen", {"messages": "Sort a list."})) == "<Sort a list.>"
    assert "sources" not in server.asked[0][1]["messages"][0]["content"]
    server.post("/v1/codegen", {"messages": MESSAGES, "index_name": "default"})
    assert "27 days" in server.asked[1][1]["messages"][0]["content"]


def test_faqgen_and_graphrag_prompt_a_model(example):
    assert content(example("faqgen").post("/v1/faqgen", {"messages": "The text."})).endswith("out of the text: The text.>")
    said = content(example("graphrag").post("/v1/graphrag", {"messages": MESSAGES}))
    assert said == f"<Known: Marigold is a community. It has 40 people. Question: {MESSAGES[0]['content']} Answer:>"


def test_dbqna_answers_with_rows(example):
    server = example("dbqna")
    assert server.post("/v1/dbqna", {"messages": "How many?", "conn_str": {"host": "db"}}).json() == {"result": "Marigold has 40 staff"}
    assert server.asked[0][1] == {"query": "How many?", "conn_str": {"host": "db"}, "conn_type": "sql"}


def test_docindexretriever_gives_passages(example):
    server = example("docindexretriever")
    server.ingest(MARIGOLD)
    assert "27 days" in server.post("/v1/retrievaltool", {"messages": MESSAGES}).text


def test_multimodalqna_looks_for_a_frame_once(example):
    server = example("multimodalqna")
    first = server.post("/v1/multimodalqna", {"messages": [{"role": "user", "content": "What is it?"}]}).json()
    assert first["text"] == "seen: [{'b64_img_str': 'AAAA'}]"
    asked = [{"role": "user", "content": "What is it?"}, {"role": "assistant", "content": "A bridge."}, {"role": "user", "content": "Where?"}]
    server.post("/v1/multimodalqna", {"messages": asked})
    assert [path for path, _ in server.asked] == ["/v1/embeddings", "/v1/multimodal_retrieval", "/v1/lvm", "/v1/lvm"]
    assert server.asked[-1][1]["messages"] == asked


def test_agentqna_tells_the_agent_what_is_known(example):
    server = example("agentqna")
    server.ingest(MARIGOLD)
    reply = server.post("/v1/agentqna", {"messages": MESSAGES, "thread_id": "7"})
    assert reply.status_code == 200, reply.text
    asked = server.asked[0][1]
    assert "27 days" in asked["messages"] and asked["thread_id"] == "7" and asked["role"] == "user"


def test_an_edge_flow_answers_here_what_it_can(example):
    server = example("edge")
    assert content(server.post("/v1/chatqna", {"messages": "Who won?"})) == "< Who won?>"
    server.asked.clear()
    server.ingest(MARIGOLD)
    assert "27 days" in content(server.post("/v1/chatqna", {"messages": MESSAGES}))
    assert server.asked == []


def test_the_productivity_suite_is_flows_behind_one_address(example):
    server = example("productivitysuite")
    server.ingest(MARIGOLD)
    assert server.post("/v1/productivity", {"tool": "summary", "text": "long"}).json()["text"] == "<Summarise in a few sentences: long>"
    assert content(server.post("/v1/productivity", {"tool": "code", "messages": "Sort."})) == "<Sort.>"
    assert "27 days" in content(server.post("/v1/productivity", {"tool": "chat", "messages": MESSAGES}))
    assert server.post("/v1/productivity", {"tool": "dance"}).status_code == 400


def test_opeas_guarded_chatqna_over_opeas_services(example):
    """Its guardrail takes a text, TEI inputs, its retriever a vector: what passes between them is made to fit."""
    server = example("chatqna-guarded-remote")
    question = MESSAGES[0]["content"]
    assert question in content(server.post("/v1/chatqna", {"messages": MESSAGES, "stream": False}))
    assert [path for path, _ in server.asked] == ["/v1/guardrails", "/embed", "/v1/retrieval", "/rerank", "/v1/chat/completions"]
    asked = dict(server.asked)
    assert asked["/v1/guardrails"]["text"] == question and asked["/embed"]["inputs"] == question
    assert "Marigold is a community." in asked["/v1/chat/completions"]["messages"][-1]["content"]
    blocked = server.post("/v1/chatqna", {"messages": "Where do I buy a tiger?", "stream": False})
    assert "Violated policies" in blocked.text and len(server.asked) == 6
