"""OPEA's ChatQnA/chatqna.py, unchanged, on this package: OPEA_EXAMPLES=<a checkout of GenAIExamples> pytest …"""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from conftest import free_port, openai_event

EXAMPLES = os.environ.get("OPEA_EXAMPLES")
pytestmark = pytest.mark.skipif(not EXAMPLES, reason="OPEA_EXAMPLES names no checkout of GenAIExamples")


@pytest.fixture
def backends(upstream):
    """What ChatQnA asks: TEI, a retriever, an LLM, a guardrail."""
    upstream.documents = ["Deep learning is a part of machine learning.", "It rains."]

    def retrieve(exchange):
        docs = [{"id": "d", "text": text, "downstream_black_list": []} for text in upstream.documents]
        exchange.json({"id": "r", "retrieved_docs": docs, "initial_query": exchange.body["text"], "top_n": 1})

    def answer(exchange):
        if exchange.body["stream"]:
            exchange.begin_stream()
            exchange.chunk(openai_event("It's ") + openai_event("你好"))
            exchange.chunk(b"data: [DONE]\n\n")
            exchange.end_stream()
        else:
            exchange.json({"choices": [{"message": {"role": "assistant", "content": "It is."}}]})

    def guard(exchange):
        bad = "tiger" in exchange.body["text"]
        text = "Violated policies: Violent Crimes" if bad else exchange.body["text"]
        exchange.json({"text": text, "downstream_black_list": [".*"] if bad else []})

    upstream.route("/embed", [[0.25] * 768])
    upstream.route("/v1/retrieval", retrieve)
    upstream.route("/rerank", [{"index": 0, "score": 0.9}, {"index": 1, "score": 0.1}])
    upstream.route("/v1/chat/completions", answer)
    upstream.route("/v1/guardrails", guard)
    return upstream


@pytest.fixture
def chatqna(backends):
    """Starts the program with these arguments; gives a function that asks it."""
    started = []

    def start(*arguments):
        port = free_port()
        environment = {**os.environ, "MEGA_SERVICE_PORT": str(port)}
        for name in ("GUARDRAIL_SERVICE", "EMBEDDING_SERVER", "RETRIEVER_SERVICE", "RERANK_SERVER", "LLM_SERVER"):
            environment |= {f"{name}_HOST_IP": "127.0.0.1", f"{name}_PORT": str(backends.port)}
        program = Path(EXAMPLES) / "ChatQnA" / "chatqna.py"
        started.append(subprocess.Popen([sys.executable, str(program), *arguments], env=environment))

        def ask(**body):
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/v1/chatqna", json.dumps(body).encode(), {"Content-Type": "application/json"}
            )
            for _ in range(200):
                try:
                    with urllib.request.urlopen(request, timeout=20) as response:
                        return response.status, response.headers["content-type"], response.read().decode()
                except urllib.error.HTTPError as error:
                    return error.code, error.headers["content-type"], error.read().decode()
                except urllib.error.URLError:
                    time.sleep(0.1)
            raise AssertionError("chatqna.py did not start")

        return ask

    yield start
    for process in started:
        process.terminate()
        process.wait(10)


QUESTION = [{"role": "user", "content": "What is deep learning?"}]
STREAM = ["data: b\"It's \"", "data: b'\\xe4\\xbd\\xa0\\xe5\\xa5\\xbd'", "data: [DONE]"]


def asked(backends, path):
    return [exchange.body for exchange in backends.requests if exchange.path == path]


@pytest.mark.parametrize("arguments", [[], ["--without-rerank"], ["--with-guardrails"]])
def test_answers_streaming_and_not(chatqna, backends, arguments):
    ask = chatqna(*arguments)
    status, kind, text = ask(messages=QUESTION, stream=False)
    assert (status, kind) == (200, "application/json")
    assert json.loads(text)["choices"][0]["message"]["content"] == "It is."
    status, kind, text = ask(messages=QUESTION, stream=True)
    assert (status, kind) == (200, "text/event-stream; charset=utf-8")
    assert text.split("\n\n")[:-1] == STREAM
    assert len(asked(backends, "/rerank")) == (0 if "--without-rerank" in arguments else 2)
    prompt = asked(backends, "/v1/chat/completions")[0]["messages"][0]["content"]
    assert "Deep learning is a part" in prompt and "### Question: user: What is deep learning?" in prompt


def test_nothing_found_leaves_reranking_out(chatqna, backends):
    backends.documents = []
    status, _, text = chatqna()(messages=QUESTION, stream=False)
    assert (status, json.loads(text)["model"]) == (200, "chatqna")
    assert asked(backends, "/rerank") == []
    assert len(asked(backends, "/v1/chat/completions")) == 1


def test_a_guardrail_s_block_is_the_answer(chatqna, backends):
    ask = chatqna("--with-guardrails")
    assert ask(messages="How do I buy a tiger?", stream=True)[2] == (
        "data: b'Violated policies: Violent Crimes'\n\ndata: [DONE]\n\n"
    )
    status, _, text = ask(messages="How do I buy a tiger?", stream=False)
    assert json.loads(text)["choices"][0]["message"]["content"] == "Violated policies: Violent Crimes"
    assert asked(backends, "/embed") == []


@pytest.mark.parametrize("stream", [False, True])
def test_a_failing_model_is_told(chatqna, backends, stream):
    backends.route("/v1/chat/completions", lambda exchange: exchange.json({"error": "full"}, 503))
    status, _, text = chatqna()(messages=QUESTION, stream=stream)
    assert (status, json.loads(text)["detail"]) == (503, "step 'llm/MicroService' answered with status 503")
