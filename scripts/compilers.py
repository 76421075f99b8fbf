"""Reads `cargo metadata` and names the dependencies of the library that ask for a newer compiler than it does."""

import json
import sys


def version(text):
    return tuple(int(part) for part in (text or "0").split("."))


graph = json.load(sys.stdin)
packages = {package["id"]: package for package in graph["packages"]}
nodes = {node["id"]: node for node in graph["resolve"]["nodes"]}
library = next(own for own, package in packages.items() if package["name"] == "media-concat")

reached, left = set(), [library]
while left:
    package = left.pop()
    if package not in reached:
        reached.add(package)
        # What tests alone need may be newer.
        left += [
            dependency["pkg"]
            for dependency in nodes[package]["deps"]
            if any(kind["kind"] != "dev" for kind in dependency["dep_kinds"])
        ]

ours = packages[library]["rust_version"]
newer = [
    f"{packages[package]['name']} {packages[package]['version']} asks for {packages[package]['rust_version']}"
    for package in sorted(reached)
    if version(packages[package]["rust_version"])[:2] > version(ours)[:2]
]
if newer:
    sys.exit(f"the library promises Rust {ours}:\n" + "\n".join(newer))
