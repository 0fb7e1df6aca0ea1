#!/usr/bin/env python3
"""The program's interface description, as `anchor idl build` would make it, without the anchor command.

    idl.py write    write idl/plimsoll.json
    idl.py check    fail when idl/plimsoll.json is not of these sources

With the feature `idl-build` Anchor's macros generate tests that print the parts of the description; this runs them and
puts the parts together like Anchor's own builder (crate anchor-lang-idl) does.
"""

import difflib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM_FOLDER = ROOT / "programs" / "plimsoll"
IDL = ROOT / "idl" / "plimsoll.json"
SECTION = re.compile(r"^--- IDL begin (\w+) ---$(.*?)^--- IDL end \1 ---$", re.MULTILINE | re.DOTALL)
MODULE_PATH = re.compile(r'"(?:\w+::)+(\w+)"')
KEYS = ["address", "metadata", "docs", "instructions", "accounts", "events", "errors", "types", "constants"]


def printed_sections():
    environment = {
        **os.environ,
        "ANCHOR_IDL_BUILD_NO_DOCS": "FALSE",
        "ANCHOR_IDL_BUILD_RESOLUTION": "TRUE",
        "ANCHOR_IDL_BUILD_SKIP_LINT": "FALSE",
        "ANCHOR_IDL_BUILD_PROGRAM_PATH": str(PROGRAM_FOLDER),
    }
    # The description names the address of localnets, whatever a developer has set.
    environment.pop("PLIMSOLL_PROGRAM_ID", None)
    command = ["cargo", "test", "--locked", "-p", "plimsoll", "--lib", "--features", "idl-build", "__anchor_private_print_idl"]
    done = subprocess.run([*command, "--", "--show-output", "--quiet"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"idl: the program does not build with the feature idl-build.\n{done.stdout}")
    sections = {}
    for name, content in SECTION.findall(done.stdout):
        sections.setdefault(name, []).append(content.strip())
    if "program" not in sections:
        sys.exit("idl: the program printed no description.")
    return sections


def assemble(sections):
    idl = json.loads(sections["program"][0])
    types = {}
    events = []
    for printed in map(json.loads, sections.get("event", [])):
        events.append(printed["event"])
        types.update({type_["name"]: type_ for type_ in printed["types"]})
    # Accounts and arena blocks are the engine's structs, which Anchor's macros do not see.
    idl["accounts"] = []
    for printed in map(json.loads, sections.get("account", [])):
        path = printed["account"]["name"]
        idl["accounts"].append({**printed["account"], "name": printed["name"]})
        for type_ in printed["types"]:
            types[type_["name"]] = {**type_, "name": printed["name"]} if type_["name"] == path else type_
    for printed in map(json.loads, sections.get("types", [])):
        types.update({type_["name"]: type_ for type_ in printed})
    # Every type so far is read in place, field by field as it lies in memory, except the events' own.
    event_types = {type_["name"] for printed in map(json.loads, sections.get("event", [])) for type_ in printed["types"]}
    for name, type_ in types.items():
        if name not in event_types:
            type_["serialization"] = "bytemuck"
    types.update({type_["name"]: type_ for type_ in idl.get("types", [])})
    idl["address"] = re.sub(r"\W", "", sections["address"][0])
    idl["events"], idl["types"] = events, list(types.values())
    idl["constants"] = [json.loads(constant) for constant in sections.get("const", [])]
    if len(sections.get("errors", [])) > 1:
        sys.exit("idl: the program declares errors in more than one place.")
    idl["errors"] = json.loads(sections["errors"][0]) if "errors" in sections else []
    # The tests print in no fixed order.
    for key in ("instructions", "accounts", "events", "types", "constants"):
        idl.get(key, []).sort(key=lambda entry: entry["name"])
    return without_module_paths({key: idl[key] for key in KEYS if idl.get(key)})


def without_module_paths(idl):
    """`crate::module::Name` becomes `Name` wherever no other type has that name."""
    text = json.dumps(idl, ensure_ascii=False)
    paths = {}
    for match in MODULE_PATH.finditer(text):
        paths.setdefault(match[1], set()).add(match[0])
    for name, found in paths.items():
        if len(found) == 1:
            text = text.replace(found.pop(), f'"{name}"')
    return json.loads(text)


def verify(idl):
    for kind in ("accounts", "events", "instructions"):
        entries = idl.get(kind, [])
        for entry in entries:
            own = entry["discriminator"]
            if not own or (kind == "accounts" and not any(own)):
                sys.exit(f"idl: {entry['name']} has an empty discriminator.")
            for other in entries:
                if other is not entry and own[: len(other["discriminator"])] == other["discriminator"]:
                    sys.exit(f"idl: the discriminators of {entry['name']} and {other['name']} cannot be told apart.")


def main():
    if len(sys.argv) != 2 or sys.argv[1] not in ("write", "check"):
        sys.exit("usage: idl.py write|check")
    idl = assemble(printed_sections())
    verify(idl)
    text = json.dumps(idl, indent=2, ensure_ascii=False) + "\n"
    if sys.argv[1] == "write":
        IDL.parent.mkdir(exist_ok=True)
        IDL.write_text(text)
        return
    committed = IDL.read_text() if IDL.exists() else ""
    if committed != text:
        difference = difflib.unified_diff(committed.splitlines(), text.splitlines(), "committed", "of these sources", lineterm="", n=1)
        print("\n".join(list(difference)[:40]))
        sys.exit("idl: idl/plimsoll.json is not of these sources: run `make idl` and commit it with the change.")
    print("idl: idl/plimsoll.json is of these sources")


if __name__ == "__main__":
    main()
