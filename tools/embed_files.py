#!/usr/bin/env python3
"""Writes a C++ file that holds every file of a folder: embed_files.py FOLDER OUTPUT FUNCTION. An empty folder gives an
empty table."""
import hashlib
import sys
from pathlib import Path

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".svg": "image/svg+xml", ".png": "image/png", ".woff2": "font/woff2", ".json": "application/json"}


def main():
    folder, output, function = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts) if folder.is_dir() else []
    lines = ["// Made by tools/embed_files.py.", '#include "app/embedded_files.hpp"', "",
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
              f"std::span<const EmbeddedFile> {function}() {{ return kFiles; }}", "", "}  // namespace opaline::app", ""]
    text = "\n".join(lines)
    if not output.exists() or output.read_text() != text:
        output.write_text(text)


if __name__ == "__main__":
    main()
