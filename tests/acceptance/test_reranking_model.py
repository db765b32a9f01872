"""A cross-encoder that the operator names takes the place of late interaction."""
import gguf
import numpy
import pytest

from conftest import MARIGOLD, MODELS, run


@pytest.fixture(scope="module")
def ranker(tmp_path_factory):
    """The embedding model with a head that scores a pair by one number of its first token's vector: a sound model, if no clever one."""
    file = tmp_path_factory.mktemp("ranker") / "ranker.gguf"
    source = gguf.GGUFReader(MODELS / "all-minilm-l6-v2-f16.gguf")
    writer = gguf.GGUFWriter(file, "bert")
    for field in source.fields.values():
        if field.name.startswith("GGUF.") or field.name in ("general.architecture", "bert.pooling_type"):
            continue
        part = field.types[1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=part)
    writer.add_uint32("bert.pooling_type", 4)
    for tensor in source.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    weight = numpy.zeros((1, 384), numpy.float32)
    weight[0, 7] = 5
    writer.add_tensor("cls.output.weight", weight)
    writer.add_tensor("cls.output.bias", numpy.zeros(1, numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def test_it_reranks_in_a_process_of_its_own(start, ranker):
    server = start("--reranking-model", ranker)
    assert any("reranking" in name for name in server.children())
    server.ingest(MARIGOLD)
    hits = server.post("/v1/search", {"query": "How many days of annual leave?", "k": 5}).json()["hits"]
    ranks = [hit["scores"]["rerank"] for hit in hits]
    assert ranks == sorted(ranks, reverse=True) and len(set(ranks)) == len(ranks)
    plain = server.post("/rerank", {"query": "leave", "texts": ["leave", "gate"]}).json()
    assert len(plain) == 2 and all(0 < one["score"] < 1 for one in plain)


def test_a_flow_may_name_it(start, ranker, tmp_path):
    flow = tmp_path / "flow.yaml"
    flow.write_text("opea_micro_services:\n  embedding:\n  retrieval:\n"
                    f"  reranking: {{model: {ranker}}}\n  llm:\n"
                    "opea_mega_service:\n  mega_flow: embedding >> retrieval >> reranking >> llm\n")
    server = start(flow)
    assert any("reranking" in name for name in server.children())
    server.ingest(MARIGOLD)
    assert "27" in server.post("/query", {"query": "How many days of annual leave do full-time staff get?"}).json()["answer"]


def test_models_are_not_taken_for_each_other(ranker):
    done = run("serve", "embedding", "--model", ranker, "--port", "0", check=False)
    assert done.returncode == 1 and "opaline serve reranking" in done.stderr
