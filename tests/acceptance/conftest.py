"""A real server for each test that asks for one: its own data folder, a free port, the real models."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest
import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("OPALINE_BINARY", ROOT / "build/release/opaline"))
MODELS = pathlib.Path(os.environ.get("OPALINE_MODELS", ROOT / "build/models"))


def run(*arguments, timeout=120, check=True, env=None, input=None):
    """Runs the binary once and returns the finished process, its output as text."""
    done = subprocess.run([str(BINARY), *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                          env={**os.environ, "OPALINE_MODELS": str(MODELS), **(env or {})}, input=input)
    if check and done.returncode != 0:
        raise AssertionError(f"opaline {' '.join(map(str, arguments))} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done


class Server:
    """`opaline up` (or any command that listens), and how to talk to it."""

    def __init__(self, data, *arguments, command=("up",), env=None):
        self.data = pathlib.Path(data)
        self.arguments = [*command, *(["--data", str(data)] if data else []), "--port", "0", *map(str, arguments)]
        self.env = {**os.environ, "OPALINE_MODELS": str(MODELS), **(env or {})}
        self.process = None
        self.url = None
        self.log = None

    def start(self, ready=True, timeout=60):
        self.log = open(self.data.parent / f"{self.data.name}.log", "ab+")
        self.process = subprocess.Popen([str(BINARY), *self.arguments], stdout=subprocess.PIPE, stderr=self.log,
                                        env=self.env, text=True, start_new_session=True)
        for line in self.process.stdout:
            found = re.search(r"listens on (http://\S+)", line)
            if found:
                self.url = found.group(1)
                break
        else:
            raise AssertionError(f"it ended with {self.process.wait()} before it listened:\n{self.errors()}")
        if ready:
            self.wait_ready(timeout)
        return self

    def wait_ready(self, timeout=60):
        limit = time.monotonic() + timeout
        while time.monotonic() < limit:
            reply = requests.get(self.url + "/readyz", timeout=10)
            if reply.status_code == 200:
                return
            time.sleep(0.05)
        raise AssertionError(f"not ready after {timeout} s: {reply.text}\n{self.errors()}")

    def errors(self):
        self.log.flush()
        return pathlib.Path(self.log.name).read_text(errors="replace")[-4000:]

    def events(self):
        """The JSON log lines so far."""
        lines = pathlib.Path(self.log.name).read_text(errors="replace").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            code = self.process.wait(30)
            assert code == 0, f"stopped with {code}:\n{self.errors()}"
        self.close()

    def kill(self):
        if self.process and self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait(30)
        self.close()

    def close(self):
        if self.process and self.process.stdout:
            self.process.stdout.close()
        if self.log and not self.log.closed:
            self.log.close()

    def children(self):
        """Pids of the child processes, by what they serve."""
        found = {}
        out = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True).stdout.split()
        for pid in out:
            try:
                words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            found[b" ".join(words[1:3]).decode()] = int(pid)
        return found

    # HTTP, short.
    def get(self, path, **options):
        return requests.get(self.url + path, timeout=options.pop("timeout", 60), **options)

    def post(self, path, body=None, **options):
        if body is not None:
            options["json"] = body
        return requests.post(self.url + path, timeout=options.pop("timeout", 120), **options)

    def delete(self, path, **options):
        return requests.delete(self.url + path, timeout=60, **options)

    def ingest(self, files, wait=True, **fields):
        """`files`: name → bytes or text. @return the jobs."""
        parts = [("files", (name, content if isinstance(content, bytes) else content.encode(), "application/octet-stream"))
                 for name, content in files.items()]
        reply = requests.post(self.url + "/v1/dataprep/ingest", files=parts, data=fields, timeout=120)
        assert reply.status_code == 202, reply.text
        jobs = reply.json()["jobs"]
        return [self.wait_job(job["id"]) for job in jobs] if wait else jobs

    def wait_job(self, job, timeout=120):
        final = {"ready", "ready_with_warnings", "unchanged", "failed", "cancelled"}
        limit = time.monotonic() + timeout
        while time.monotonic() < limit:
            row = self.get(f"/v1/jobs/{job}").json()
            if row["state"] in final:
                return row
            time.sleep(0.02)
        raise AssertionError(f"job {job} is still {row['state']} after {timeout} s")

    def documents(self):
        return self.get("/v1/documents?limit=10000").json()["documents"]

    def stream(self, path, body, **options):
        """The data of each server-sent event, as they come."""
        reply = requests.post(self.url + path, json=body, stream=True, timeout=120, **options)
        assert reply.status_code == 200, reply.text
        for line in reply.iter_lines(decode_unicode=True):
            if line.startswith("data: "):
                yield line[len("data: "):]


def pytest_configure(config):
    if not BINARY.exists():
        pytest.exit(f"{BINARY} is not built; run ./test, which builds it", returncode=2)


@pytest.fixture
def start(tmp_path):
    """start(*arguments) → a running server in a new data folder; stopped (and its exit checked) afterwards."""
    made = []

    def make(*arguments, data=None, ready=True, env=None, command=("up",)):
        folder = data or tmp_path / f"data{len(made)}"
        server = Server(folder, *arguments, env=env, command=command)
        made.append(server)
        return server.start(ready=ready)

    yield make
    for server in made:
        server.stop()


MARIGOLD = {
    "handbook/leave.md": """# Leave

## Annual leave

Full-time staff of Marigold Ltd receive 27 days of annual leave each calendar year. Up to five unused days may be carried
over until 31 March.

## Sick leave

Tell your team lead before 10:00 on the first day. A doctor's note is needed from the fourth day.
""",
    "handbook/travel.html": """<html><head><title>Travel policy</title></head><body><nav>Home | Travel</nav>
<h1>Travel policy</h1><h2>Trains</h2><p>Trains are booked in second class; first class is allowed above four hours.</p>
<h2>Hotels</h2><table><tr><th>City</th><th>Limit per night</th></tr><tr><td>Lisbon</td><td>140 EUR</td></tr>
<tr><td>Oslo</td><td>210 EUR</td></tr></table></body></html>""",
    "rooms.csv": "room,seats,floor\nAurora,12,3\nBoreas,4,1\nCirrus,30,5\n",
    "notes.txt": "The server room key is kept with the front desk.\n\nThe alarm code changes on the first Monday of each month.\n",
    "devices.jsonl": '{"device": "printer-2", "location": "second floor", "toner": "TN-247"}\n{"device": "scanner-1", "location": "basement"}\n',
}


@pytest.fixture(scope="session")
def marigold(tmp_path_factory):
    """One server for the whole run with a small handbook in it. Tests must not change its documents."""
    server = Server(tmp_path_factory.mktemp("marigold") / "data").start()
    for job in server.ingest(MARIGOLD):
        assert job["state"] in {"ready", "ready_with_warnings"}, job
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres_manual():
    """The PostgreSQL 15 manual's pages, from the Debian package postgresql-doc-15."""
    folder = pathlib.Path("/usr/share/doc/postgresql-doc-15/html")
    assert folder.is_dir(), "install the Debian package postgresql-doc-15 (./test does)"
    return folder
