"""all-MiniLM-L6-v2 computed independently of the engine: NumPy and the tokenizers package, nothing else.

    embed(texts, model_folder)   unit vectors, one row a text; the folder holds model.safetensors and tokenizer.json
    tokens(texts, model_folder)  their token ids, specials included, cut to the window

As a program it writes the golden file of the engine's unit tests:

    reference_embedding.py MODEL_FOLDER > src/engine/minilm_golden.json
"""
import json
import math
import struct
import sys
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

WINDOW = 512
erf = np.vectorize(math.erf, otypes=[np.float32])


def read_safetensors(file):
    raw = Path(file).read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        begin, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(raw[8 + length + begin : 8 + length + end], "<f4").reshape(entry["shape"])
    return tensors


def tokens(texts, model_folder):
    tokenizer = Tokenizer.from_file(str(Path(model_folder) / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    rows = [tokenizer.encode(text).ids for text in texts]
    return [ids if len(ids) <= WINDOW else ids[: WINDOW - 1] + ids[-1:] for ids in rows]


def normalise_layer(x, weight, bias):
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-12) * weight + bias


class Model:
    def __init__(self, folder):
        self.folder = Path(folder)
        config = json.loads((self.folder / "config.json").read_text())
        self.heads = config["num_attention_heads"]
        self.layers = config["num_hidden_layers"]
        self.t = read_safetensors(self.folder / "model.safetensors")

    def linear(self, x, name):
        return x @ self.t[name + ".weight"].T + self.t[name + ".bias"]

    def norm(self, x, name):
        return normalise_layer(x, self.t[name + ".weight"], self.t[name + ".bias"])

    def attention(self, x, prefix):
        def split(name):
            y = self.linear(x, f"{prefix}.self.{name}")
            return y.reshape(len(x), self.heads, -1).transpose(1, 0, 2)

        query, key, value = split("query"), split("key"), split("value")
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1])
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        return (weights @ value).transpose(1, 0, 2).reshape(len(x), -1)

    def embed_ids(self, ids):
        t = self.t
        x = (
            t["embeddings.word_embeddings.weight"][ids]
            + t["embeddings.position_embeddings.weight"][: len(ids)]
            + t["embeddings.token_type_embeddings.weight"][0]
        )
        x = self.norm(x, "embeddings.LayerNorm")
        for i in range(self.layers):
            layer = f"encoder.layer.{i}"
            attended = self.linear(self.attention(x, f"{layer}.attention"), f"{layer}.attention.output.dense")
            x = self.norm(x + attended, f"{layer}.attention.output.LayerNorm")
            inner = self.linear(x, f"{layer}.intermediate.dense")
            inner = inner * 0.5 * (1 + erf(inner / math.sqrt(2)))
            x = self.norm(x + self.linear(inner, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
        pooled = x.mean(0)
        return pooled / np.linalg.norm(pooled)


def embed(texts, model_folder):
    model = Model(model_folder)
    return np.stack([model.embed_ids(ids) for ids in tokens(texts, model_folder)])


GOLDEN_TEXTS = [
    "Hello world",
    "",
    "The quick brown fox jumps over the lazy dog.",
    "How do I rotate the API key of a service account?",
    "Café naïve résumé — Zürich, Ærøskøbing, Łódź",
    "ＦＵＬＬＷＩＤＴＨ and ½ ligature ﬁ",
    "東京は日本の首都です。 你好，世界",
    "Привет, мир! Как дела?",
    "emoji 🚀 and ✅, math ∑ ≤ ≥, currency €5 £3 ¥9",
    "def f(x):\n\treturn x ** 2  # comment\n",
    "don't can't won't I'm you're",
    "unbelievablyincomprehensibilities antidisestablishmentarianism",
    "x" * 101 + " tail",
    "Retrieval augmented generation answers questions from documents. " * 80,
]


def main():
    folder = sys.argv[1]
    vectors = embed(GOLDEN_TEXTS, folder)
    rows = [
        {"text": text, "ids": ids, "vector": [round(float(v), 5) for v in vector]}
        for text, ids, vector in zip(GOLDEN_TEXTS, tokens(GOLDEN_TEXTS, folder), vectors)
    ]
    print("[")
    print(",\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows))
    print("]")


if __name__ == "__main__":
    main()
