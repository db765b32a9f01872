"""The C++ API as an application gets it: installed, found by CMake and by pkg-config, and its examples at work."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest
import requests

from conftest import BINARY, MODELS, ROOT

COMPILER = "clang++-19"


def checked(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """Where everything is installed."""
    build = BINARY.parent
    if not (build / "libopaline.a").exists():
        pytest.skip(f"{build} has no libopaline.a")
    if re.search(r"^OPALINE_SANITIZE:\w+=(?!OFF\b).", (build / "CMakeCache.txt").read_text(), re.M):
        pytest.skip("a library with sanitizers needs programs with sanitizers")
    place = tmp_path_factory.mktemp("installed")
    checked("cmake", "--install", build, "--prefix", place)
    return place


@pytest.fixture(scope="module")
def programs(prefix, tmp_path_factory):
    """The examples, built by their own CMakeLists.txt out of a copy: nothing of this tree is in reach."""
    place = tmp_path_factory.mktemp("application")
    shutil.copytree(ROOT / "examples/cpp", place / "source")
    launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    checked("cmake", "-G", "Ninja", "-S", place / "source", "-B", place / "build", f"-DCMAKE_CXX_COMPILER={COMPILER}",
            f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror", *launcher)
    checked("cmake", "--build", place / "build")
    return place / "build"


@pytest.fixture
def start():
    """start(command, …) → the process and the URL that it says it listens on."""
    running = []

    def begin(*command):
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   env={**os.environ, "OPALINE_MODELS": str(MODELS)})
        running.append(process)
        said = ""
        for line in process.stdout:
            said += line
            if found := re.search(r'listens on (http://\S+)|"url":"(http://[^"]+)"', line):
                return process, found[1] or found[2], said
        raise AssertionError(f"{command} ended with {process.wait()}:\n{said}")

    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
        process.wait(30)
        process.stdout.close()


def port_of(url):
    return url.rsplit(":", 1)[1]


def test_the_installed_program_needs_nothing_of_the_tree(prefix):
    linked = checked("ldd", prefix / "bin/opaline")
    assert "not found" not in linked
    assert str(ROOT) not in linked
    assert checked(prefix / "bin/opaline", "version").startswith("opaline ")
    assert (prefix / "share/doc/opaline/LICENSE").read_text().lstrip().startswith("Apache License")


def test_a_flow_in_one_process(programs):
    said = checked(programs / "in_process", "hello").splitlines()
    assert [json.loads(line) for line in said[:2]] == [
        {"text": "HELLO", "asked": 1}, {"text": "I won't talk of that.", "downstream_black_list": [".*"]}]
    assert [line for line in said[2:] if line] == [f"data: {letter}" for letter in "hello"]
    linked = checked("ldd", programs / "in_process")
    assert "llama" not in linked and "sqlite" not in linked


def test_an_own_service(programs, start):
    process, url, _ = start(programs / "own_service", 0)
    question = {"messages": [{"role": "user", "content": "good day"}]}
    whole = requests.post(url + "/v1/chat/completions", json=question, timeout=10)
    assert whole.json()["choices"][0]["message"]["content"] == "You said: good day"

    streamed = requests.post(url + "/v1/chat/completions", json={**question, "stream": True}, stream=True, timeout=10)
    assert streamed.headers["content-type"] == "text/event-stream"
    events = [line.removeprefix("data: ") for line in streamed.iter_lines(decode_unicode=True) if line]
    assert events.pop() == "[DONE]"
    assert [json.loads(event)["choices"][0]["delta"]["content"] for event in events] == ["You ", "said: ", "good ", "day "]

    wrong = requests.post(url + "/v1/chat/completions", json={}, timeout=10)
    assert (wrong.status_code, wrong.json()["error"]["message"]) == (400, "field 'messages' must be a list")

    assert requests.get(url + "/health", timeout=10).status_code == 200
    assert requests.get(url + "/v1/health_check", timeout=10).json()["Service Title"] == "chatter"
    assert "/v1/chat/completions" in requests.get(url + "/v1/statistics", timeout=10).json()
    assert "http_requests_total" in requests.get(url + "/metrics", timeout=10).text

    busy = subprocess.run([str(programs / "own_service"), port_of(url)], capture_output=True, text=True, timeout=10)
    assert busy.returncode == 1 and port_of(url) in busy.stderr

    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


def test_a_megaservice_of_remote_services(prefix, programs, start):
    _, embedding, _ = start(prefix / "bin/opaline", "serve", "embedding", "--port", 0)
    _, llm, _ = start(programs / "own_service", 0)
    process, url, said = start(programs / "megaservice", port_of(embedding), port_of(llm), 0)
    answer = {"text": "You said: a vector of 384"}
    assert json.loads(said.splitlines()[0]) == answer
    assert requests.post(url + "/v1/example", json={"text": "hello"}, timeout=10).json() == answer
    refused = requests.post(url + "/v1/example", json={"text": []}, timeout=10)
    assert refused.status_code == 400 and "step 'embedding'" in refused.json()["error"]["message"]
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0

    lost = subprocess.run([str(programs / "megaservice"), "1", port_of(llm)], capture_output=True, text=True, timeout=10)
    assert lost.returncode == 1 and "step 'embedding'" in lost.stderr


def test_pkg_config_finds_it_too(prefix, tmp_path):
    environment = {**os.environ, "PKG_CONFIG_PATH": str(next(prefix.glob("lib*/**/pkgconfig")))}
    flags = checked("pkg-config", "--cflags", "--libs", "opaline", env=environment).split()
    source = tmp_path / "main.cpp"
    source.write_text("""
        #include <opaline/opaline.hpp>
        #include <cstdio>
        int main() {
          opaline::ServiceOrchestrator flow;
          flow.add(opaline::MicroService::local({.name = "hello"}, [](opaline::Json in) { return opaline::Json{{"hello", in}}; }));
          std::puts(boost::json::serialize(flow.schedule("world").json()).c_str());
        }""")
    checked(COMPILER, "-std=c++20", source, "-o", tmp_path / "main", *flags)
    assert checked(tmp_path / "main") == '{"hello":"world"}\n'
    version = checked("pkg-config", "--modversion", "opaline", env=environment).strip()
    assert checked(prefix / "bin/opaline", "version").strip() == f"opaline {version}"


def test_a_private_path_does_not_travel_in_the_package(prefix):
    for place in [*prefix.rglob("*.cmake"), *prefix.rglob("*.pc"), *prefix.rglob("*.hpp")]:
        assert str(ROOT) not in pathlib.Path(place).read_text(), place
