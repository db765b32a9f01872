"""Messages, images, models, JSON, traces, the command line."""

import base64
import json
import os
import subprocess
import sys

import pytest
import yaml

from comps import _core
from comps.cores.mega.utils import ConfigError, handle_message, load_model_configs, sanitize_env
from comps.cores.proto.docarray import EmbedDoc, LLMParams, TextDoc

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mP8/5+hnoEIwDiqkL4KAcT9GO0U4BxoAAAAAElFTkSuQmCC"
)


def with_image(name):
    content = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": name}}]
    return handle_message([{"role": "user", "content": content}])


def test_a_conversation_becomes_a_prompt():
    turns = [("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello"), ("user", "")]
    messages = [{"role": role, "content": content} for role, content in turns]
    assert handle_message(messages) == "Be brief.\nuser: Hi\nassistant: Hello\nuser:"
    assert handle_message("as it is") == "as it is"
    with pytest.raises(ValueError, match="Unknown role"):
        handle_message([{"role": "root", "content": ""}])


def test_a_message_s_image_is_given_on():
    assert with_image(PIXEL) == ("user: look\n", [PIXEL])


@pytest.mark.parametrize("name", ["/etc/passwd", "./pyproject.toml", "http://127.0.0.1:1/", "http://169.254.169.254/latest"])
def test_what_a_message_names_is_neither_read_nor_fetched(name):
    assert with_image(name) == ("user: look\n", [name])


def test_an_operator_may_offer_a_folder(tmp_path, monkeypatch):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(base64.b64decode(PIXEL))
    (tmp_path / "secret").write_text("s")
    monkeypatch.setenv("OPALINE_IMAGE_FOLDER", str(tmp_path / "images"))
    prompt, images = with_image("a.png")
    assert base64.b64decode(images[0]).startswith(b"\x89PNG")
    os.symlink(tmp_path / "secret", tmp_path / "images" / "link")
    for name in ("../secret", str(tmp_path / "secret"), "link", "nothing.png"):
        assert with_image(name)[1] == [name]


def test_images_are_fetched_from_public_addresses_only(monkeypatch):
    monkeypatch.setenv("OPALINE_IMAGE_FETCH", "1")
    for name in ("http://127.0.0.1:1/", "http://localhost:1/x.png", "http://169.254.169.254/", "http://[::1]/"):
        with pytest.raises(ValueError, match="not on the public network"):
            with_image(name)


def test_model_lists():
    model = {"model_name": "m", "displayName": "M", "endpoint": "e", "minToken": 1, "maxToken": 2}
    assert load_model_configs(json.dumps([model])) == {"m": model}
    for wrong in ("", "{}", "[]", json.dumps([{**model, "endpoint": ""}]), json.dumps([{"model_name": "m"}])):
        with pytest.raises(ConfigError):
            load_model_configs(wrong)


def test_quotes_around_a_value():
    assert [sanitize_env(value) for value in ('"a"', "'a'", "a", "'", None)] == ["a", "a", "a", "'", None]


def test_documents_have_opea_s_defaults():
    assert len(TextDoc(text="a").id) == 32
    assert TextDoc(text=["a"]).downstream_black_list == []
    assert LLMParams().model_dump(exclude={"id"})["repetition_penalty"] == 1.03
    assert EmbedDoc(text="a", embedding=[0.5]).k == 4


@pytest.mark.parametrize(
    "value",
    [None, True, -1, 2**80, 1.5, 1e300, 5.0, "é\u2028\"\\\n", [], {}, [1, [2]], {"a": {"b": None}}, (1, 2), {1: 2, None: 3}],
)
def test_encode_says_what_json_says(value):
    assert json.loads(_core.encode(value)) == json.loads(json.dumps(value))


def test_encode_takes_models_and_arrays():
    class Array:
        def tolist(self):
            return [1.0]

    assert json.loads(_core.encode({"doc": TextDoc(id="1", text="a"), "array": Array()})) == {
        "doc": {"id": "1", "downstream_black_list": [], "text": "a"},
        "array": [1.0],
    }
    with pytest.raises(TypeError):
        _core.encode({1: object()})
    deep = []
    for _ in range(1000):
        deep = [deep]
    with pytest.raises(ValueError):
        _core.encode(deep)


def test_bytes_are_written_as_python_writes_them():
    for value in (b"", b"a'b", b"a\"b", b"'\"", bytes(range(256)), "日".encode()):
        assert _core.bytes_literal(value) == repr(value)


def test_spans_are_bounded_and_named_after_functions():
    program = """
import os
os.environ["TELEMETRY_ENDPOINT"] = "http://127.0.0.1:1/v1/traces"
os.environ["OTEL_SERVICE_NAME"] = "answers"
import comps.cores.telemetry.opea_telemetry as telemetry
telemetry.SPANS_KEPT = 10
@telemetry.opea_telemetry
def traced():
    return telemetry.current_traceparent()
assert traced().startswith("00-")
telemetry.in_memory_exporter.clear()
for _ in range(50):
    traced()
spans = telemetry.in_memory_exporter.get_finished_spans()
print(len(spans), spans[0].name, spans[0].resource.attributes["service.name"], flush=True)
os._exit(0)
"""
    pytest.importorskip("opentelemetry.sdk")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "10 traced answers\n", done.stderr


def test_without_an_endpoint_nothing_is_traced():
    from comps import opea_telemetry

    def plain():
        pass

    assert opea_telemetry(plain) is plain


MEGA = {
    "global_envs": {"HF_TOKEN": "${TEST_TOKEN}"},
    "micro_services": [
        {
            "service_name": "llm",
            "image": "tgi:${TEST_TAG}-cpu",
            "ports": ["8005:80"],
            "volumes": ["/models:/data"],
            "resources": {"cpu": 4, "memory": "8Gi"},
            "replicas": 2,
            "options": [{"cap_add": "SYS_NICE"}],
            "args": [{"--model-id": "m"}, "--auto"],
        }
    ],
    "mega_service": [{"service_name": "chat", "image": "chat", "ports": ["8888:8888"], "node_ports": ["30888"]}],
}


def test_the_command_exports(tmp_path, monkeypatch):
    from comps.cores.mega.cli import opea_execute

    monkeypatch.setenv("TEST_TOKEN", "t")
    monkeypatch.setenv("TEST_TAG", "2")
    mega = tmp_path / "mega.yaml"
    mega.write_text(yaml.safe_dump(MEGA))
    assert opea_execute(["export", "docker-compose", str(mega), str(tmp_path / "compose.yaml")]) == 0
    llm = yaml.safe_load((tmp_path / "compose.yaml").read_text())["services"]["llm"]
    assert (llm["image"], llm["environment"]["HF_TOKEN"]) == ("tgi:2-cpu", "t")
    assert llm["deploy"] == {"replicas": 2, "resources": {"limits": {"cpus": 4, "memory": "8Gi"}}}
    assert (llm["cap_add"], llm["command"]) == (["SYS_NICE"], "--model-id m --auto")

    for _ in range(2):  # Again must not append.
        assert opea_execute(["export", "kubernetes", str(mega), str(tmp_path / "out")]) == 0
    manifests = [one for one in yaml.safe_load_all((tmp_path / "out" / "manifests.yaml").read_text()) if one]
    assert [one["kind"] for one in manifests] == ["ConfigMap", "Deployment", "Service", "Deployment", "Service"]
    deployment = next(one for one in manifests if one["metadata"]["name"] == "llm-deploy")
    assert deployment["spec"]["replicas"] == 2
    assert deployment["spec"]["template"]["spec"]["containers"][0]["args"] == ["--model-id", "m", "--auto"]
    assert opea_execute(["export", "docker-compose", "/nowhere", str(tmp_path / "x")]) == 1


def test_tools_of_several_servers_are_told_apart():
    """Each method calls its own tool."""
    pytest.importorskip("mcp")
    import asyncio

    from comps.cores.mcp.config import OpeaMCPConfig, OpeaMCPSSEServerConfig
    from comps.cores.mcp.manager import OpeaMCPToolsManager

    manager = OpeaMCPToolsManager(OpeaMCPConfig())
    manager._extract_tools_from_clients = lambda clients: [{"function": {"name": name}} for name in ("a", "b", "execute_tool")]

    async def execute_tool(name, parameters):
        return name, parameters

    manager.execute_tool = execute_tool
    asyncio.run(manager._register_tools())
    assert asyncio.run(manager.a(x=1)) == ("a", {"x": 1})
    assert asyncio.run(manager.b()) == ("b", {})
    twice = OpeaMCPConfig(sse_servers=[OpeaMCPSSEServerConfig(url="http://a")] * 2)
    with pytest.raises(ValueError, match="Duplicate"):
        twice.validate_servers()
