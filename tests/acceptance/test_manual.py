"""The PostgreSQL 15 manual, 1,169 pages, as real input."""
import pytest

from conftest import Server, run

# Questions of our own, and the page that answers each.
QUESTIONS = [
    ("Which command removes a database?", {"sql-dropdatabase.html", "manage-ag-dropdb.html", "app-dropdb.html"}),
    ("what does wal_level logical add", {"runtime-config-wal.html"}),
    ("How is a materialized view brought up to date?", {"sql-refreshmaterializedview.html", "rules-materializedviews.html"}),
    ("pg_dump custom format option", {"app-pgdump.html", "backup-dump.html"}),
    ("default value of work_mem", {"runtime-config-resource.html"}),
    ("What is the maximum number of columns in a table?", {"limits.html"}),
    ("How do I lock a table against concurrent writes?", {"sql-lock.html", "explicit-locking.html"}),
    ("function that returns the current date", {"functions-datetime.html"}),
    ("index type for full text search", {"textsearch-indexes.html", "gin-intro.html", "textsearch-tables.html"}),
    ("rename a column", {"sql-altertable.html", "ddl-alter.html"}),
    ("listen_addresses", {"runtime-config-connection.html"}),
    ("How can I see the plan of a query?", {"using-explain.html", "sql-explain.html"}),
]


@pytest.fixture(scope="module")
def manual(tmp_path_factory, postgres_manual):
    server = Server(tmp_path_factory.mktemp("manual") / "data").start()
    done = run("ingest", postgres_manual, "--server", server.url, "--json", timeout=1500, check=False)
    yield server, done
    server.stop()


@pytest.mark.timeout(1600)
def test_every_page_arrives(manual):
    server, done = manual
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    rows = server.documents()
    assert len(rows) >= 1160
    assert all(row["chunks"] > 0 for row in rows)


def test_its_pages_are_found(manual):
    server, _ = manual
    found = 0
    for question, pages in QUESTIONS:
        hits = server.post("/v1/search", {"query": question, "k": 5}).json()["hits"]
        found += any(hit["source"].rsplit("/", 1)[-1] in pages for hit in hits)
    assert found >= 0.75 * len(QUESTIONS), f"{found} of {len(QUESTIONS)}"


def test_all_citations_resolve_to_the_quoted_text(manual):
    server, _ = manual
    texts = {}
    checked = 0
    for question, _ in QUESTIONS:
        for source in server.post("/query", {"query": question}).json()["sources"]:
            document = source["document_id"]
            if document not in texts:
                texts[document] = server.get(f"/v1/documents/{document}/text").json()["text"].encode()
            span = source["span"]
            assert texts[document][span["begin"]:span["end"]].decode() == source["quote"]
            checked += 1
    assert checked > 0
