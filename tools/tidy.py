#!/usr/bin/env python3
"""Checks what the compiler does not: the plan of the house. The first test of every run.

    tools/tidy.py             check the tree; prints one line a finding, exit code 1 if there is any
    tools/tidy.py --self-test show that each rule finds what it is for

The rooms and their ranks are read from the opaline_layer() lines of CMakeLists.txt, so there is one table.
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BANNED = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "processor", "handler", "impl", "data", "info"}
# Third-party headers, and the one room (or folder) that may see each.
OWNERS = {
    "sqlite3.h": ["store"],
    "llama.h": ["engine"], "ggml": ["engine"], "gguf.h": ["engine"], "chat.h": ["engine"],
    "yaml-cpp/": ["flow"],
    "boost/beast": ["http"],
    "openssl/ssl.h": ["http"],
    "CLI/": ["app"],
    "gumbo.h": ["services/dataprep"], "pugixml.hpp": ["services/dataprep"], "md4c.h": ["services/dataprep"],
    "uchardet": ["services/dataprep"], "seccomp.h": ["services/dataprep"],
    "archive.h": ["services/dataprep", "engine"],
    "simdjson.h": ["services/remote"],
}
LINES_MAX = 900          # Of one file; nine in ten should stay under 400.
README_LINES_MAX = 40
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
LAYER = re.compile(r"^opaline_layer\((\w+)\s+RANK\s+(\d+)(?:\s+DEPENDS\s+([\w\s]+))?\)", re.M)


def rooms_of(root):
    table = {}
    for name, rank, depends in LAYER.findall((root / "CMakeLists.txt").read_text()):
        table[name] = (int(rank), set(depends.split()))
    return table


def check_names(path, found):
    words = re.split(r"[_.\-]", path.stem.lower())
    if path.suffix in {".cpp", ".hpp", ".py", ".ts"} and (path.stem.lower() in BANNED or words[-1] in BANNED - {"data"}):
        found.append(f"{path}: the name says nothing; name what is inside (banned: {', '.join(sorted(BANNED))})")


def check_source(root, path, rooms, found):
    relative = path.relative_to(root / "src")
    room = relative.parts[0]
    folder = "/".join(relative.parts[:2])
    text = path.read_text(errors="replace")
    lines = text.splitlines()
    if len(lines) > LINES_MAX:
        found.append(f"{path}: {len(lines)} lines; above {LINES_MAX} it has more than one purpose")
    if path.suffix == ".hpp" and "#pragma once" not in text:
        found.append(f"{path}: #pragma once is missing")
    for number, line in enumerate(lines, 1):
        if re.search(r"\b(class|struct)\s+\w*(Manager|Helper|Utils?|Processor|Impl)\b", line):
            found.append(f"{path}:{number}: a type's name must say what it is")
        match = INCLUDE.match(line)
        if not match:
            continue
        kind, name = match.groups()
        if kind == '"':
            target = root / "src" / name
            if not target.exists():
                found.append(f"{path}:{number}: \"{name}\" is not a file below src/; spell ours from there, others in <>")
                continue
            other = name.split("/")[0]
            if other != room and other not in rooms[room][1]:
                found.append(f"{path}:{number}: room '{room}' must not see '{other}'")
            if room == "services" and other == "services" and "/" in str(relative.parent):
                mine, theirs = relative.parts[1], name.split("/")[1]
                if theirs != mine and len(relative.parts) > 2 and name.count("/") > 1:
                    found.append(f"{path}:{number}: services/{mine} must not see services/{theirs}; go through contract::Service")
        else:
            for prefix, owners in OWNERS.items():
                if name.startswith(prefix) and room not in owners and folder not in owners:
                    found.append(f"{path}:{number}: <{name}> belongs to {' and '.join(owners)}")


def check_cycles(root, found):
    graph = {}
    for path in (root / "src").rglob("*.hpp"):
        name = str(path.relative_to(root / "src"))
        graph[name] = [m.group(2) for m in map(INCLUDE.match, path.read_text(errors="replace").splitlines()) if m and m.group(1) == '"']
    state = {}

    def visit(name, trail):
        if state.get(name) == "done" or name not in graph:
            return
        if name in trail:
            found.append("include cycle: " + " > ".join(trail[trail.index(name):] + [name]))
            return
        for other in graph[name]:
            visit(other, trail + [name])
        state[name] = "done"

    for name in sorted(graph):
        visit(name, [])


def check_format(root, paths, found):
    style = root / ".clang-format"
    command = ["clang-format-19", f"--style=file:{style}", "--dry-run", *map(str, paths)]
    report = subprocess.run(command, capture_output=True, text=True).stderr
    for name in sorted(set(re.findall(r"^(/.+?):\d+:\d+: warning: code should be", report, re.M))):
        found.append(f"{name}: not formatted; type: clang-format-19 -i {name}")


def check(root):
    found = []
    rooms = rooms_of(root)
    for name, (rank, depends) in rooms.items():
        for other in depends:
            if other not in rooms or rooms[other][0] >= rank:
                found.append(f"CMakeLists.txt: room '{name}' (rank {rank}) must not depend on '{other}'")
        readme = root / "src" / name / "README.md"
        if not readme.exists():
            found.append(f"{readme}: each room says what it is for")
    for readme in (root / "src").rglob("README.md"):
        if len(readme.read_text().splitlines()) > README_LINES_MAX:
            found.append(f"{readme}: above {README_LINES_MAX} lines")
    for path in sorted((root / "src").rglob("*")):
        if path.suffix not in {".hpp", ".cpp"}:
            continue
        if path.relative_to(root / "src").parts[0] not in rooms:
            found.append(f"{path}: lies in no room of CMakeLists.txt")
            continue
        check_names(path, found)
        check_source(root, path, rooms, found)
    for folder in ("tests", "tools"):
        for path in (root / folder).rglob("*.py"):
            check_names(path, found)
    sources = [path for folder in ("src", "include", "examples") for path in (root / folder).rglob("*.[ch]pp")]
    check_format(root, sorted(sources), found)
    check_cycles(root, found)
    return found


def self_test():
    """A tree with one fault of each kind; every one must be found."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "CMakeLists.txt").write_text(
            "opaline_layer(base RANK 0)\nopaline_layer(http RANK 1 DEPENDS base)\n"
            "opaline_layer(store RANK 1 DEPENDS base)\nopaline_layer(services RANK 2 DEPENDS base)\n")
        (root / ".clang-format").write_text("BasedOnStyle: Google\n")
        files = {
            "src/base/README.md": "x\n" * 41,
            "src/http/README.md": "x", "src/store/README.md": "x", "src/services/README.md": "x",
            "src/http/a.hpp": '#pragma once\n#include "store/b.hpp"\n#include <sqlite3.h>\n',
            "src/store/b.hpp": '#include "nowhere.hpp"\n',
            "src/base/utils.hpp": "#pragma once\nclass PoolManager {};\n",
            "src/base/one.hpp": '#pragma once\n#include "base/two.hpp"\n',
            "src/base/two.hpp": '#pragma once\n#include "base/one.hpp"\n',
            "src/base/long.cpp": "int x;\n" * (LINES_MAX + 1),
            "src/base/loose.cpp": "int  x ;\n",
            "src/services/x/x.hpp": '#pragma once\n#include "services/y/y.hpp"\n',
            "src/services/y/y.hpp": "#pragma once\n",
            "include/loose.hpp": "int  x ;\n",
        }
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        report = "\n".join(check(root))
        wanted = ["above 40 lines", "must not see 'store'", "<sqlite3.h> belongs", "is not a file below src",
                  "#pragma once is missing", "the name says nothing", "a type's name", "include cycle",
                  "more than one purpose", "loose.cpp: not formatted", "loose.hpp: not formatted", "services/x must not see services/y"]
        missing = [text for text in wanted if text not in report]
        if missing:
            print(report)
            print("tidy: these rules did not find their fault:", missing)
            return 1
    return 0


def main():
    root = Path(__file__).resolve().parent.parent
    if self_test():
        return 1
    found = check(root)
    for line in found:
        print(line.replace(str(root) + "/", ""))
    if found:
        print(f"tidy: {len(found)} findings")
        return 1
    if "--self-test" in sys.argv:
        print("tidy: every rule finds its fault")
    print("tidy: the house is in order")
    return 0


if __name__ == "__main__":
    sys.exit(main())
