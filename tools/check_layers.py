#!/usr/bin/env python3
"""Checks that the architecture in docs/ARCHITECTURE.md is the one in the source: includes go downwards only, and each vendor's
headers stay inside their room. Prints every offence as file:line, exits 1 when there is one."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# A floor may include itself and the floors, or rooms of floors, named here.
FLOORS = {
    "protocol": [],
    "consensus": ["protocol"],
    "ledger": ["protocol"],
    "ontology": ["protocol", "ledger"],
    "subservices": ["protocol", "ledger", "ontology"],
    "node": ["protocol", "ledger", "ontology", "subservices", "consensus"],
    "deploy": ["protocol", "subservices/forwarding"],
    "tools": ["protocol", "ledger", "ontology", "subservices", "consensus", "node"],
    "tests": ["protocol", "ledger", "ontology", "subservices", "consensus", "node", "tools", "deploy"],
}

# A vendor's headers, and the only places that may include them.
ROOMS = {
    r"sodium(\.h|/)": ["protocol/crypto/"],
    r"rocksdb/": ["ledger/"],
    r"serd/|sord/": ["ontology/"],
    r"rasqal|raptor2?": ["tests/"],
    r"re2/": ["ontology/sparql/"],
    r"boost/(asio|beast)": ["node/", "tools/authority/", "tools/cli/", "tools/benchmark/", "tools/chaos_proxy/", "tests/unit/node/", "tests/unit/daemon/", "tests/unit/tools/", "tests/fuzz/"],
    r"boost/json": ["protocol/"],
    r"boost/multiprecision": ["protocol/"],
    r"openssl/": ["node/peer/", "node/http/", "tools/cli/", "tests/unit/node/"],
    r"mosquitto\.h": ["node/mqtt/", "tools/device/", "tools/cli/", "tests/broker/", "deploy/broker_plugin/"],
    r"mosquitto_(broker|plugin)\.h": ["deploy/broker_plugin/"],
    r"spdlog/": ["node/log.cpp"],
    r"toml\+\+": ["node/table_reader.h"],
    r"CLI/": ["tools/"],
    r"catch2/": ["tests/"],
    r"google/protobuf|\.pb\.h": ["protocol/", "consensus/", "ledger/", "subservices/"],
}

LINES_MAX = 1000
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')


def sources():
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*")):
            if path.suffix in (".h", ".cpp") and "build" not in path.parts:
                yield floor, path


def main() -> int:
    offences = []
    count = 0
    for floor, path in sources():
        count += 1
        name = path.relative_to(ROOT).as_posix()
        lines = path.read_text(encoding="utf-8").splitlines()
        if len(lines) > LINES_MAX:
            offences.append(f"{name}:1: {len(lines)} lines; a file is one idea of at most {LINES_MAX}")
        for number, line in enumerate(lines, 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            header = match.group(1)
            top = header.split("/")[0]
            if top in FLOORS and top != floor and not any(header.startswith(allowed + "/") for allowed in FLOORS[floor]):
                offences.append(f"{name}:{number}: {floor} must not include {header}")
            for pattern, rooms in ROOMS.items():
                if re.match(pattern, header) or (pattern.endswith(r"\.pb\.h") and header.endswith(".pb.h")):
                    if not any(name.startswith(room) for room in rooms):
                        offences.append(f"{name}:{number}: {header} belongs only in {', '.join(rooms)}")
    for offence in offences:
        print(offence)
    print(f"layers: {count} files, {len(offences)} offences")
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())
