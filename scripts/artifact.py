#!/usr/bin/env python3
"""The committed bytecode and what it was built from.

    artifact.py refresh    build artifacts/plimsoll.so and describe it in artifacts/plimsoll.so.json
    artifact.py check      fail when the file is not of the sources beside it

The demo and the localnet run the committed file, so nobody needs a bytecode compiler to try the project. That holds only
while it is built from the sources in the same commit: the description holds a hash of everything that can change its
bytes, by part, so that the check can say which part has moved on.
"""

import hashlib
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = "plimsoll"
ARTIFACT = ROOT / "artifacts" / "plimsoll.so"
DESCRIPTION = ROOT / "artifacts" / "plimsoll.so.json"
FOLDERS = ["programs/plimsoll", "crates/engine", "toolchain/sbf"]
# Tests, their recorded cases and texts never reach the bytecode; the self-test is a program of its own.
IGNORED_FOLDERS = {"tests", "benches", "examples", "proptest-regressions", "selftest", "__pycache__", "target", "fuzz"}


def fail(message):
    sys.exit(f"artifact: {message}")


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def is_source(path):
    if path.name.endswith(("tests.rs", ".md")) or path.name.startswith("."):
        return False
    return path.is_file() and not IGNORED_FOLDERS.intersection(path.relative_to(ROOT).parts)


def hash_of_folder(folder):
    files = sorted(path for path in (ROOT / folder).rglob("*") if is_source(path))
    listed = "".join(f"{path.relative_to(ROOT).as_posix()} {sha256(path.read_bytes())}\n" for path in files)
    return sha256(listed.encode())


class Dependencies:
    """What the program resolves to: Cargo.lock followed from the program, without anybody's dev-dependencies."""

    def __init__(self):
        lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
        self.packages = {}
        for package in lock["package"]:
            self.packages.setdefault(package["name"], []).append(package)
        self.manifest = tomllib.loads((ROOT / "Cargo.toml").read_text())

    def find(self, reference):
        """`name`, or `name version` where several versions are locked."""
        name, *version = reference.split()
        found = [package for package in self.packages[name] if not version or package["version"] == version[0]]
        return found[0]

    def wanted(self, package):
        """The references to follow. The lock mixes the dev-dependencies of our own crates in; their manifests tell."""
        references = package.get("dependencies", [])
        if "source" in package:
            return references
        folder = next(folder for folder in FOLDERS if self.manifest_name(folder) == package["name"])
        manifest = tomllib.loads((ROOT / folder / "Cargo.toml").read_text())
        names = {**manifest.get("dependencies", {}), **manifest.get("build-dependencies", {})}
        return [reference for reference in references if reference.split()[0] in names]

    def manifest_name(self, folder):
        file = ROOT / folder / "Cargo.toml"
        return tomllib.loads(file.read_text())["package"]["name"] if file.exists() else None

    def lines(self):
        seen, pending = {}, [self.find(PROGRAM)]
        while pending:
            package = pending.pop()
            line = f"{package['name']} {package['version']} {package.get('checksum', 'here')}"
            if line not in seen:
                seen[line] = package
                pending += [self.find(reference) for reference in self.wanted(package)]
        return sorted(seen)

    def hash(self):
        """The packages, and how the workspace's manifest asks for them and optimises."""
        lines = self.lines()
        names = {line.split()[0] for line in lines}
        workspace = self.manifest["workspace"]
        asked = {name: value for name, value in workspace["dependencies"].items() if name in names}
        settings = {"dependencies": asked, "package": workspace["package"], "release": self.manifest["profile"]["release"]}
        return sha256(json.dumps([lines, settings], sort_keys=True).encode())


def hashes_of_sources():
    hashes = {folder: hash_of_folder(folder) for folder in FOLDERS}
    hashes["Cargo.lock and Cargo.toml"] = Dependencies().hash()
    return hashes


def refresh():
    build = ROOT / "toolchain" / "sbf" / "build.sh"
    # The committed file is for localnets, whatever a developer has set.
    environment = {name: value for name, value in os.environ.items() if name != "PLIMSOLL_PROGRAM_ID"}
    sources = hashes_of_sources()
    if subprocess.run([build, PROGRAM, ARTIFACT], env=environment).returncode:
        fail("the program does not build, see above.")
    if hashes_of_sources() != sources:
        fail("the sources changed while they were built; repeat when they stand still.")
    versions = subprocess.run([build, "--versions"], check=True, capture_output=True, text=True).stdout.splitlines()
    description = {
        "file_sha256": sha256(ARTIFACT.read_bytes()),
        "sources_sha256": sha256(json.dumps(sources, sort_keys=True).encode()),
        "sources": sources,
        "toolchain": {"name": "toolchain/sbf", "rustc": versions[0], "packages": versions[1:]},
    }
    DESCRIPTION.write_text(json.dumps(description, indent=2) + "\n")
    print(f"artifact: artifacts/plimsoll.so, sha256 {description['file_sha256']}")


def check():
    remedy = "run `make artifact` and commit artifacts/ with the change"
    if not ARTIFACT.exists() or not DESCRIPTION.exists():
        fail(f"artifacts/plimsoll.so or its description is missing: {remedy}.")
    description = json.loads(DESCRIPTION.read_text())
    if description["file_sha256"] != sha256(ARTIFACT.read_bytes()):
        fail(f"artifacts/plimsoll.so is not the file that artifacts/plimsoll.so.json describes: {remedy}.")
    sources = hashes_of_sources()
    changed = [part for part in sources if description["sources"].get(part) != sources[part]]
    if changed:
        fail(f"artifacts/plimsoll.so was built before the last change of {' and of '.join(changed)}: {remedy}.")
    print("artifact: artifacts/plimsoll.so is of these sources")


if __name__ == "__main__":
    commands = {"refresh": refresh, "check": check}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:
        fail("usage: artifact.py refresh|check")
    commands[sys.argv[1]]()
