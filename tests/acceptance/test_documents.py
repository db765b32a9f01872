"""Ingestion, as its users know it: every file arrives or says why not; nothing is doubled, lost or half there."""
import io
import pathlib
import subprocess
import zipfile

import pytest
import requests

from conftest import MARIGOLD


def docx(paragraphs):
    """A small Word document."""
    body = "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in paragraphs)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("[Content_Types].xml", '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>')
        archive.writestr("word/document.xml",
                         '<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
                         f"<w:body>{body}</w:body></w:document>")
    return file.getvalue()


def pdf(text):
    """A one-page PDF with a text layer."""
    stream = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode()
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
               b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
               b"<</Length " + str(len(stream)).encode() + b">>stream\n" + stream + b"\nendstream",
               b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    out, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj".encode() + content + b"endobj\n"
    table = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{offset:010} 00000 n \n".encode() for offset in offsets)
    return out + f"trailer<</Size {len(objects) + 1}/Root 1 0 R>>\nstartxref\n{table}\n%%EOF".encode()


def test_every_format_becomes_searchable(start):
    server = start()
    files = {
        **MARIGOLD,
        "offer.docx": docx(["Offer", "The delivery of the turbine takes eleven weeks."]),
        "manual.pdf": pdf("The pump must be primed with glycol before use."),
        "settings.json": '{"mail": {"host": "mail.marigold.example", "port": 587}}',
    }
    jobs = server.ingest(files)
    assert len(jobs) == len(files)
    assert {job["state"] for job in jobs} <= {"ready", "ready_with_warnings"}, jobs
    for query, source in [("turbine delivery weeks", "offer.docx"), ("pump glycol", "manual.pdf"),
                          ("mail host", "settings.json"), ("toner of printer-2", "devices.jsonl")]:
        hits = server.post("/v1/search", {"query": query, "k": 1}).json()["hits"]
        assert hits[0]["source"] == source, query
    page = server.post("/v1/search", {"query": "pump glycol", "k": 1}).json()["hits"][0]
    assert page["page"] == 1


def test_same_content_again_is_unchanged_and_costs_no_embedding(start):
    server = start()
    server.ingest(MARIGOLD)
    before = server.documents()
    jobs = server.ingest(MARIGOLD)
    assert {job["state"] for job in jobs} == {"unchanged"}
    assert server.documents() == before


def test_changed_content_replaces_the_old(start):
    server = start()
    server.ingest({"a.txt": "The gate opens at seven."})
    server.ingest({"a.txt": "The gate opens at nine."})
    documents = server.documents()
    assert len(documents) == 1
    texts = [hit["text"] for hit in server.post("/v1/search", {"query": "when does the gate open", "k": 10}).json()["hits"]]
    assert texts == ["The gate opens at nine."]


def test_deleted_is_gone_when_the_call_returns(start):
    server = start()
    server.ingest(MARIGOLD)
    leave = next(row for row in server.documents() if row["source"] == "handbook/leave.md")
    assert server.delete(f"/v1/documents/{leave['id']}").status_code in (200, 204)
    for mode in ("dense", "keyword", "hybrid"):
        hits = server.post("/v1/search", {"query": "annual leave days", "k": 50, "mode": mode}).json()["hits"]
        assert all(hit["source"] != "handbook/leave.md" for hit in hits)
    assert server.get(f"/v1/documents/{leave['id']}").status_code == 404
    # Not even its bytes stay in the database files.
    for file in pathlib.Path(server.data).rglob("*"):
        if file.is_file():
            assert b"27 days of annual leave" not in file.read_bytes(), file


def test_opea_dataprep_wire(start):
    server = start()
    reply = requests.post(server.url + "/v1/dataprep/ingest", timeout=60, data={"wait": "true"},
                          files=[("files", ("one.txt", b"First file.")), ("files", ("two.txt", b"Second file."))])
    assert reply.status_code == 200 and reply.json()["message"] == "Data preparation succeeded"
    names = {row["name"] for row in server.post("/v1/dataprep/get", {}).json()}
    assert names == {"one.txt", "two.txt"}
    assert server.post("/v1/dataprep/delete", {"file_path": "one.txt"}).json() == {"status": True}
    missing = server.post("/v1/dataprep/delete", {"file_path": "nowhere.txt"})
    assert missing.status_code == 404 and "detail" in missing.json()
    assert server.post("/v1/dataprep/delete", {"file_path": "all"}).json() == {"status": True}
    assert server.documents() == []


def test_documents_survive_a_restart(start):
    server = start()
    server.ingest(MARIGOLD)
    before = server.documents()
    answer = server.post("/query", {"query": "How many days of annual leave?"}).json()
    server.stop()
    server.start()
    assert server.documents() == before
    again = server.post("/query", {"query": "How many days of annual leave?"}).json()
    assert again["answer"] == answer["answer"]
    places = [[(source["source"], source["span"]) for source in reply["sources"] if source["cited"]] for reply in (answer, again)]
    assert places[0] == places[1]


BAD_FILES = {
    "empty.txt": (b"", "empty"),
    "picture.png": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "not"),
    "broken.pdf": (b"%PDF-1.7\nthis is no pdf", ""),
    "broken.docx": (b"PK\x03\x04 and then nothing that is a zip", ""),
}


def test_a_bad_file_fails_alone_and_says_why(start):
    server = start()
    jobs = server.ingest({**{name: content for name, (content, _) in BAD_FILES.items()}, "good.txt": "All is well."})
    by_source = {job["source"]: job for job in jobs}
    assert by_source["good.txt"]["state"] == "ready"
    for name, (_, word) in BAD_FILES.items():
        assert by_source[name]["state"] == "failed", name
        assert name in by_source[name]["error"] and word in by_source[name]["error"], by_source[name]["error"]
    assert [row["source"] for row in server.documents()] == ["good.txt"]


def test_a_password_pdf_says_so(start, tmp_path):
    plain, locked = tmp_path / "plain.pdf", tmp_path / "locked.pdf"
    plain.write_bytes(pdf("secret"))
    subprocess.run(["qpdf", "--encrypt", "user", "owner", "256", "--", plain, locked], check=False)  # 3: it repaired our hand-made file.
    assert locked.exists()
    job = start().ingest({"locked.pdf": locked.read_bytes()})[0]
    assert job["state"] == "failed" and "password" in job["error"]


def test_a_zip_bomb_is_stopped(start):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", b"<w:document>" + b" " * (600 * 1024 * 1024) + b"</w:document>")
    job = start().ingest({"bomb.docx": file.getvalue()})[0]
    assert job["state"] == "failed" and job["error"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/../../b.txt", "/etc/passwd", "a\x01b.txt"])
def test_names_cannot_leave_the_folder(start, name):
    server = start()
    body = (b'--x\r\nContent-Disposition: form-data; name="files"; filename="' + name.encode() +
            b'"\r\n\r\nhello\r\n--x--\r\n')
    reply = requests.post(server.url + "/v1/dataprep/ingest", data=body, timeout=60,
                          headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert reply.status_code == 400 and reply.json()["detail"]


def test_retry_and_cancel(start):
    server = start()
    failed = server.ingest({"empty.txt": b""})[0]
    again = server.post(f"/v1/jobs/{failed['id']}/retry")
    assert again.status_code in (200, 202)
    assert server.wait_job(failed["id"])["state"] == "failed"
    assert server.post("/v1/jobs/nowhere/cancel").status_code == 404


def test_metadata_filter(start):
    server = start()
    server.ingest({"a.txt": "The pump is blue.", "b.md": "The pump is green."})
    hits = server.post("/v1/search", {"query": "pump", "k": 5, "filter": {"source": {"$eq": "b.md"}}}).json()["hits"]
    assert [hit["source"] for hit in hits] == ["b.md"]
    bad = server.post("/v1/search", {"query": "pump", "filter": {"source": {"$near": 1}}})
    assert bad.status_code == 400 and "$near" in bad.json()["error"]["message"]
