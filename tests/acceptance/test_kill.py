"""kill -9 at any point of ingestion: after a restart every acknowledged document is there, whole and once."""
import itertools
import os
import random
import time

import pytest
import requests

from conftest import Server

# Where the process may be told to die (src/services/dataprep/README.md), and how often each is passed before it does.
POINTS = ["after_blobs", "after_jobs", "job_started", "parsed", "chunked", "embedding", "before_commit", "after_commit"]
KILLS_A_POINT = 10
RANDOM_KILLS = 20


def documents(round_number):
    """Three files, two of which change with every round."""
    return {
        "constant.txt": "The constant file never changes: its word is basalt.",
        "changing.txt": f"The changing file is in round {round_number}: its word is word{round_number}.",
        "long.txt": "\n\n".join(f"Paragraph {n} of round {round_number} speaks about topic {n}." * 12 for n in range(30)),
    }


def try_ingest(server, files):
    """True when the server acknowledged them before it died."""
    try:
        reply = requests.post(server.url + "/v1/dataprep/ingest", timeout=60,
                              files=[("files", (name, text.encode())) for name, text in files.items()])
        return reply.status_code == 202
    except requests.exceptions.RequestException:
        return False


def wait_dead(server, limit=30):
    server.process.wait(limit)
    server.close()


def check(server, acknowledged, attempted):
    """What must hold after any crash, once the resumed jobs are through."""
    end = time.monotonic() + 90
    while True:
        jobs = server.get("/v1/jobs?limit=100000").json()["jobs"]
        running = [job for job in jobs if job["state"] not in ("ready", "ready_with_warnings", "unchanged", "failed", "cancelled")]
        if not running:
            break
        assert time.monotonic() < end, f"never finished: {running}"
        time.sleep(0.02)
    assert not [job for job in jobs if job["state"] == "failed"], jobs
    rows = server.documents()
    sources = [row["source"] for row in rows]
    assert len(sources) == len(set(sources)), f"doubled: {sources}"
    if acknowledged is None and not rows:
        return
    # Never older than what was acknowledged; a later round may have been stored without its acknowledgement arriving.
    allowed = [f"word{n}" for n in range(acknowledged or 0, attempted + 1)]
    texts = {row["source"]: server.get(f"/v1/documents/{row['id']}/text").json()["text"] for row in rows}
    if acknowledged is not None:
        assert set(texts) == {"constant.txt", "changing.txt", "long.txt"}, f"lost: {sorted(texts)}"
    for source, text in texts.items():
        if source == "changing.txt":
            assert any(word + "." in text for word in allowed), f"{text!r} is of neither {allowed}"
        hits = server.post("/v1/search", {"query": text[:200], "k": 50, "mode": "keyword",
                                          "filter": {"source": {"$eq": source}}}).json()["hits"]
        dense = server.post("/v1/search", {"query": text[:200], "k": 50, "mode": "dense",
                                           "filter": {"source": {"$eq": source}}}).json()["hits"]
        assert len(hits) == len({hit["span"]["begin"] for hit in hits}), "a passage is there twice"
        chunks = next(row["chunks"] for row in rows if row["source"] == source)
        assert len(dense) == min(chunks, 50), f"{source}: {len(dense)} vectors for {chunks} passages"
        for hit in hits + dense:
            assert text.encode()[hit["span"]["begin"]:hit["span"]["end"]].decode() == hit["text"], "half of an old version"


@pytest.mark.timeout(1500)
def test_no_document_is_lost_half_visible_or_doubled(tmp_path):
    seed = int(os.environ.get("OPALINE_SEED", "20261"))
    print(f"seed {seed}")
    dice = random.Random(seed)
    server = Server(tmp_path / "data")
    acknowledged, attempted = None, None
    # Two documents of a round change, so a point of a document's way is passed twice; those of the request once.
    plan = [(point, 1 if point.startswith("after_b") or point == "after_jobs" else 1 + turn % 2)
            for point in POINTS for turn in range(KILLS_A_POINT)]
    dice.shuffle(plan)
    kills = 0
    for number, (point, nth) in enumerate(plan):
        server.env["OPALINE_CRASH_POINT"] = f"{point}:{nth}"
        server.start(ready=False)
        attempted = number
        if try_ingest(server, documents(number)):
            acknowledged = number
        wait_dead(server)
        kills += 1
        if number % 4 == 3:
            server.env.pop("OPALINE_CRASH_POINT")
            server.start()
            check(server, acknowledged, attempted)
            server.stop()
    server.env.pop("OPALINE_CRASH_POINT", None)
    for number in itertools.islice(itertools.count(len(plan)), RANDOM_KILLS):
        server.start(ready=False)
        attempted = number
        if try_ingest(server, documents(number)):
            acknowledged = number
        time.sleep(dice.random() * 0.3)
        server.kill()
        kills += 1
        if number % 4 == 3:
            server.start()
            check(server, acknowledged, attempted)
            server.stop()
    server.start()
    check(server, acknowledged, attempted)
    server.stop()
    assert kills == 100
