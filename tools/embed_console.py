#!/usr/bin/env python3
"""Writes a C++ file that holds every file of a folder: embed_console.py FOLDER OUTPUT. An empty folder gives an empty table."""
import hashlib
import sys
from pathlib import Path

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".svg": "image/svg+xml", ".png": "image/png", ".woff2": "font/woff2", ".json": "application/json"}


def main():
    folder, output = Path(sys.argv[1]), Path(sys.argv[2])
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
    lines = ["// Made by tools/embed_console.py from console/dist.", '#include "app/embedded_console.hpp"', "",
             "namespace opaline::app {", "namespace {", ""]
    rows = []
    for number, path in enumerate(files):
        content = path.read_bytes()
        numbers = ",".join(str(byte) for byte in content)
        lines.append(f"constexpr unsigned char kFile{number}[] = {{{numbers or 0}}};")
        etag = hashlib.sha256(content).hexdigest()[:16]
        rows.append(f'    {{"/{path.relative_to(folder).as_posix()}", "{TYPES.get(path.suffix, "application/octet-stream")}", '
                    f'"\\"{etag}\\"", kFile{number}, {len(content)}}},')
    lines += ["", f"constexpr std::array<EmbeddedFile, {len(rows)}> kFiles = {{{{", *rows, "}};", "", "}  // namespace", "",
              "std::span<const EmbeddedFile> embedded_files() { return kFiles; }", "", "}  // namespace opaline::app", ""]
    text = "\n".join(lines)
    if not output.exists() or output.read_text() != text:
        output.write_text(text)


if __name__ == "__main__":
    main()
