#!/usr/bin/env python3
"""Checks what neither the compiler nor clang-tidy checks: layers, the wall between LibTorch and gRPC, names, stray words.

    tests/lint/lint.py [ROOT]    lints the files of the repository at ROOT (default: this one); exits with 1 on findings

Every finding is a line `file:line: rule: what to do`. self_test.py shows each rule a tree that it must refuse.
"""

import pathlib
import re
import subprocess
import sys

LAYERS = {"core": 0, "job": 1, "cluster": 1, "process": 1, "frames": 1, "rendezvous": 1, "control": 2, "runtime": 2}
RUNTIME_MAY_USE = {"core", "frames", "runtime"}
INCLUDE_ROOTS = ("lib", "lib/runtime/include", "lib/runtime", "tests", "examples", "bench", "")
SOURCES = {".h", ".cc"}
# Only these may reach headers of LibTorch, of gRPC and protobuf. No file may reach both.
MAY_SEE_TORCH = ("lib/runtime/", "apps/fabric-worker/", "tests/runtime/", "tests/workers/", "tests/integration/",
                 "tests/conformance/", "tests/examples/", "tests/fuzz/", "tests/peer/", "tests/support/", "tests/gpu/",
                 "tests/apps/", "examples/", "bench/")
MAY_SEE_GRPC = ("lib/control/", "tests/control/")
MAY_GETENV = re.compile(r"(apps/[^/]+/main\.cc|lib/cluster/.*|lib/runtime/environments/.*|(tests|bench|examples)/.*)")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^">]+)[">]')
VAGUE_NAME = re.compile(r"(^|_)(utils?|helpers?|common|misc)$")
GETENV = re.compile(r"\b(secure_)?getenv\s*\(")
STRAY_WORD = re.compile(r"\b(FIXME|XXX)\b|(//|#)\s*TODO\b(?!\(#\d+\):)")
MACHINE_PATH = re.compile(r"(?<![\w.})])/(work|root)(?=[/\s'\"`:;,)]|$)")
REGISTRY_HOST = re.compile(r"https?://[^\s/\"']*(pypi|pythonhosted|artifact|registry|mirror|\bdeb\.|pkg\.)", re.IGNORECASE)
MARKDOWN_LINK = re.compile(r"\]\(([^)\s#:]+)(#[^)]*)?\)")
MAX_LINES = 700


def kind_of(include):
    """Returns "torch" or "grpc" if the included name belongs to one of the two, else None."""
    if re.match(r"(torch|ATen|c10|caffe2)/", include):
        return "torch"
    if re.match(r"(grpc|grpcpp|google/protobuf|google/rpc)/", include) or include.endswith(".pb.h"):
        return "grpc"
    return None


def folder_of(path):
    """Returns the layered folder that a path of the repository lies in: "core", "runtime", "apps/fabric-run", or None."""
    parts = path.split("/")
    if parts[0] == "lib" and len(parts) > 2:
        return parts[1]
    return "/".join(parts[:2]) if parts[0] == "apps" and len(parts) > 2 else None


def why_not_allowed(user, used_path):
    """Returns why a file of folder `user` may not include `used_path` of the repository, or None if it may."""
    used = folder_of(used_path)
    if used is None:
        return f"{used_path} is no part of lib/ or apps/" if used_path.split("/")[0] in ("tests", "bench", "examples") else None
    if used == user:
        return None
    if used.startswith("apps/"):
        return f"{used} is a program, not a library"
    if user == "runtime":
        return None if used in RUNTIME_MAY_USE else f"lib/runtime may include core and frames only, not {used}"
    layer, used_layer = LAYERS.get(user, 3), LAYERS.get(used)
    if used_layer is None:
        return f"lib/{used} has no layer; add it to LAYERS in tests/lint/lint.py"
    if used_layer >= layer:
        return f"{user} (layer {layer}) may include lower layers only, but {used} is layer {used_layer}"
    return None


class Linter:
    def __init__(self, root):
        self.root = pathlib.Path(root).resolve()
        self.paths = self.list_files()
        self.known = set(self.paths)
        self.includes = {}  # path -> [(line number, included name, resolved path or None)]
        self.findings = []

    def list_files(self):
        git = subprocess.run(["git", "-C", self.root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                             capture_output=True, text=True, check=False)
        if git.returncode == 0 and git.stdout:
            names = git.stdout.split("\0")
        else:
            names = [str(p.relative_to(self.root)) for p in self.root.rglob("*")]
            names = [n for n in names if n.split("/")[0] not in (".git", "build", "runs")]
        return sorted(n for n in set(names) if n and (self.root / n).is_file() and not (self.root / n).is_symlink())

    def report(self, path, line, rule, text):
        self.findings.append((path, line, rule, text))

    def resolve(self, path, name):
        """Returns the file of the repository that `#include name` in `path` means, also one that the build generates."""
        own = str(pathlib.PurePosixPath(path).parent)
        for folder in (own, *INCLUDE_ROOTS, *(f"apps/{p.split('/')[1]}" for p in [path] if p.startswith("apps/"))):
            candidate = f"{folder}/{name}" if folder not in ("", ".") else name
            if candidate in self.known:
                return candidate
        return f"lib/{name}" if name.split("/")[0] in LAYERS and "/" in name and kind_of(name) is None else None

    def read(self, path):
        try:
            return (self.root / path).read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            return None  # binary

    def reached_kinds(self, path):
        """Returns {kind: chain of includes that leads to it}, through the headers of the repository."""
        reached, seen, pending = {}, {path}, [(path, [path])]
        while pending:
            current, chain = pending.pop()
            for _, name, target in self.includes.get(current, []):
                kind = kind_of(name)
                if kind is not None:
                    reached.setdefault(kind, [*chain, name])
                elif target is not None and target not in seen:
                    seen.add(target)
                    pending.append((target, [*chain, target]))
        return reached

    def check_wall(self, path):
        reached = self.reached_kinds(path)
        if len(reached) == 2:
            self.report(path, 1, "wall", "LibTorch and gRPC or protobuf in one file: " +
                        " and ".join(" -> ".join(chain[1:]) for chain in reached.values()))
            return
        for kind, allowed in (("torch", MAY_SEE_TORCH), ("grpc", MAY_SEE_GRPC)):
            if kind in reached and not path.startswith(allowed):
                self.report(path, 1, "wall", f"must not see {kind} headers, but includes " + " -> ".join(reached[kind][1:]))

    def check_includes(self, path):
        user = folder_of(path)
        for line, name, target in self.includes[path]:
            if name == "torch/torch.h" and path.endswith(".h"):
                self.report(path, line, "torch.h", "costs 23 s a file; include the narrow header")
            if user is not None and target is not None:
                reason = why_not_allowed(user, target)
                if reason is not None:
                    self.report(path, line, "layer", reason)

    def check_source(self, path, lines):
        if path.endswith(".h") and "#pragma once" not in lines:
            self.report(path, 1, "pragma-once", "a header starts with #pragma once")
        if len(lines) > MAX_LINES:
            self.report(path, MAX_LINES, "length", f"{len(lines)} lines; split it")
        for number, line in enumerate(lines, 1):
            if GETENV.search(line) and not MAY_GETENV.fullmatch(path):
                self.report(path, number, "getenv", "read the environment in main, lib/cluster or environments/ and pass it on")

    def check_links(self, path, lines):
        folder = (self.root / path).parent
        for number, line in enumerate(lines, 1):
            for match in MARKDOWN_LINK.finditer(line):
                if not (folder / match.group(1)).exists():
                    self.report(path, number, "link", f"nothing is at '{match.group(1)}'")

    def check_text(self, path, lines):
        for number, line in enumerate(lines, 1):
            if STRAY_WORD.search(line):
                self.report(path, number, "todo", "write TODO(#issue): with what is to do, or nothing")
            if MACHINE_PATH.search(line):
                self.report(path, number, "machine-path", "a path of one machine; name it relative to the repository")
            if REGISTRY_HOST.search(line):
                self.report(path, number, "registry-host", "a registry's host; leave it to the machine's configuration")

    def run(self):
        sources = []
        for path in self.paths:
            if VAGUE_NAME.search(pathlib.PurePosixPath(path).stem) or VAGUE_NAME.search(str(pathlib.PurePosixPath(path).parent.name)):
                self.report(path, 1, "name", "says nothing; name the concept that it holds")
            lines = self.read(path)
            if lines is None or path.startswith("tests/lint/") or path == "LICENSE":
                continue  # the linter's own files spell out what they look for
            if not path.startswith("examples/data/"):
                self.check_text(path, lines)
            if path.endswith(".md"):
                self.check_links(path, lines)
            if pathlib.PurePosixPath(path).suffix in SOURCES:
                matches = ((number, INCLUDE.match(line)) for number, line in enumerate(lines, 1))
                self.includes[path] = [(n, m.group(1), self.resolve(path, m.group(1))) for n, m in matches if m]
                self.check_source(path, lines)
                sources.append(path)
        for path in sources:
            self.check_includes(path)
            self.check_wall(path)
        return sorted(self.findings), len(sources)


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[2]
    findings, num_sources = Linter(root).run()
    for path, line, rule, text in findings:
        print(f"{path}:{line}: {rule}: {text}")
    print(f"lint: {num_sources} sources, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
