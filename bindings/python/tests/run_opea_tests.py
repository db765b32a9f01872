#!/usr/bin/env python3
"""Runs OPEA's own tests of its Python core, unmodified, against this package.

    run_opea_tests.py GENAICOMPS            a checkout of opea-project/GenAIComps, release 1.5
    run_opea_tests.py GENAICOMPS --markdown the same, as the table of docs/opea-compatibility.md
    run_opea_tests.py GENAICOMPS --only test_dag.py test_aio.py

Each file runs in a process of its own, as they share ports and environment variables. The checkout's tests are copied to
a temporary folder without its `comps`, so that the package which is installed is the one that is tested. Needs: this
package with its extras mcp, stores, telemetry, images; pytest, requests, aiohttp. (OPEA's own package also needs kubernetes.)
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

FILES = """
mega/test_dag.py mega/test_microservice.py mega/test_service_orchestrator.py mega/test_service_orchestrator_protocol.py
mega/test_service_orchestrator_streaming.py mega/test_service_orchestrator_with_retriever_rerank_fake.py
mega/test_service_orchestrator_with_yaml.py mega/test_hybrid_service_orchestrator.py
mega/test_hybrid_service_orchestrator_with_yaml.py mega/test_runtime_graph.py mega/test_aio.py
mega/test_dynamic_batching.py mega/test_base_statistics.py mega/test_export_docker_compose.py
mega/test_manifests_exporter.py mega/test_handle_message.py mega/test_mcp.py mega/test_mcp_client.py
common/test_component.py storages/test_mongodb.py storages/test_arangodb.py storages/test_redisdb.py
telemetry/test_telemetry.py
""".split()


def run_file(path: Path, limit_s: int) -> dict:
    """Runs one file; its counts, and what failed with the last line of each reason."""
    report = path.with_suffix(".xml")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", path.name]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    started = time.monotonic()
    timed_out = False
    process = subprocess.Popen(
        command, cwd=path.parent, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        timed_out = True
        os.killpg(process.pid, 9)
        output, _ = process.communicate()
    result = {"file": f"{path.parent.name}/{path.name}", "passed": 0, "total": 0, "failures": [], "output": output}
    result["seconds"] = time.monotonic() - started
    if report.exists():
        for case in ElementTree.parse(report).iter("testcase"):
            result["total"] += 1
            wrong = case.find("failure")
            wrong = case.find("error") if wrong is None else wrong
            if wrong is None:
                result["passed"] += 1
            else:
                result["failures"].append((case.get("name"), (wrong.get("message") or "").splitlines()[:1]))
    if timed_out or not result["total"]:
        result["total"] = max(result["total"], 1)
        result["failures"].append(("(file)", [f"no result within {limit_s} s" if timed_out else output[-300:]]))
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--limit", type=int, default=180, help="seconds a file")
    parser.add_argument("--verbose", action="store_true", help="print the output of files that fail")
    chosen = parser.parse_args()
    source = chosen.checkout / "tests" / "cores"
    if not source.is_dir():
        parser.error(f"{source} is no folder: give a checkout of opea-project/GenAIComps")
    results = []
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(source, Path(folder) / "tests" / "cores")
        for name in FILES:
            if chosen.only and not any(name.endswith(one) for one in chosen.only):
                continue
            result = run_file(Path(folder) / "tests" / "cores" / name, chosen.limit)
            results.append(result)
            if not chosen.markdown:
                print(f"{result['passed']:3} of {result['total']:3}  {result['seconds']:5.1f} s  {result['file']}", flush=True)
                for test, reason in result["failures"]:
                    print(f"              {test}: {' '.join(reason)}")
                if chosen.verbose and result["failures"]:
                    print(result["output"])
    passed, total = sum(one["passed"] for one in results), sum(one["total"] for one in results)
    if chosen.markdown:
        print("| file of tests/cores | passed | failed, and why |\n|---|---|---|")
        for one in results:
            why = "; ".join(f"`{test}`: {' '.join(reason)}" for test, reason in one["failures"])
            print(f"| `{one['file']}` | {one['passed']} of {one['total']} | {why} |")
    print(f"\n{passed} of {total} tests pass.")
    return 0 if passed == total else 1


if __name__ == "__main__":
    sys.exit(main())
