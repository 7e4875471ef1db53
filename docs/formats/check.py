#!/usr/bin/env python3
"""Checks reels of a pgtape archive without pgtape: an independent reading of segment.md, line.md and keys.md.

Fields of records are held against record.schema.json, which must lie beside this file.

usage: check.py ARCHIVE_DIR [REEL] [--trust PUBLIC_KEY_HEX]...

Needs Python 3.11, the `cryptography` package (Ed25519) and the `zstd` command.
Prints one line for each reel, one for each finding. Exits 0 when all reels are complete or open, 1 otherwise, 2 on usage.
"""

import hashlib
import json
import re
import subprocess
import sys
import threading
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

VERDICTS = ["forged", "crashed", "gap", "open", "complete"]  # worst first
SEGMENT_BYTES_MAX = 64 * 1024 * 1024
LINE_BYTES_MAX = 1_048_576
KEY = re.compile(r"reel/([0-9a-f]{16})/([0-9a-f]{32})/(\d{8,15})\.jsonl\.zst")
HEX = {n: re.compile(rf"[0-9a-f]{{{n}}}") for n in (16, 32, 64, 128)}
TIME = re.compile(r"\d{1,20}")
HEADER = {
    "v": 1, "kind": "header", "reel": HEX[32], "recorder": HEX[16], "segment": int, "salt": HEX[16], "key": HEX[64],
    "recovery_key": HEX[64], "recovered": bool, "boot": str, "clock": str, "host": str, "name": str, "version": str,
}
SEAL = {
    "v": 1, "kind": "seal", "reel": HEX[32], "segment": int, "first_seq": int, "last_seq": int, "count": int,
    "root": HEX[64], "prev": HEX[64], "open_sessions": None, "policy": HEX[64], "key_id": HEX[16], "next_key": HEX[64],
    "at": TIME, "sig": HEX[128],
}
OF_VAULT = {
    "vault_opened", "access", "hold", "held", "release", "freed", "retention", "probe", "enrolment", "quarantine",
    "skew", "alert", "published", "orphaned",
}
OPENS = {"reel_opened", "vault_opened"}


def schemas_by_kind():
    """The schemas of lines, by the constant that their `kind` is."""
    found, waiting = {}, [json.loads(Path(__file__).with_name("record.schema.json").read_text())]
    while waiting:
        schema = waiting.pop()
        waiting += schema.get("anyOf", []) + schema.get("oneOf", [])
        if "properties" in schema:
            found[schema["properties"]["kind"]["const"]] = schema
    return found


SCHEMAS = schemas_by_kind()
RECORDS = SCHEMAS.keys() - {"header", "seal"}
OF_SESSION = {kind for kind in RECORDS if "session" in SCHEMAS[kind]["required"]}


class Unsound(Exception):
    def __init__(self, reason, line=None):
        super().__init__(reason)
        self.reason, self.line = reason, line


def decompress(data):
    frame, trailer = data[:-40], data[-40:]
    if len(trailer) != 40 or trailer[:8] != bytes.fromhex("502a4d1820000000"):
        raise Unsound("object_trailer")
    if trailer[8:] != hashlib.sha256(frame).digest():
        raise Unsound("object_trailer")
    text, code = bounded_zstd(frame)
    if len(text) > SEGMENT_BYTES_MAX:
        raise Unsound("object_too_large")
    if code != 0:
        raise Unsound("object_compression")
    return text


def bounded_zstd(frame):
    """zstd's output, one byte more than allowed at most (a file of zeros compresses very well), and its exit code."""
    zstd = subprocess.Popen(["zstd", "-dcq"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def feed():
        try:
            with zstd.stdin:
                zstd.stdin.write(frame)
        except OSError:
            pass  # zstd gave up on a damaged frame

    feeder = threading.Thread(target=feed)
    feeder.start()
    text = zstd.stdout.read(SEGMENT_BYTES_MAX + 1)
    if len(text) > SEGMENT_BYTES_MAX:
        zstd.kill()
    feeder.join()
    zstd.stdout.close()
    return text, zstd.wait()


def is_ordinal(value):
    return type(value) is int and 0 < value <= 2**53 - 1


def parse(line, number):
    try:
        value = json.loads(line, parse_constant=lambda _: 1 / 0)
    except (ValueError, ZeroDivisionError, RecursionError):
        raise Unsound("bad_json", number) from None
    return value


def matches(value, rule):
    if rule is None:
        return type(value) is int and value >= 0
    if rule is int:
        return is_ordinal(value)
    if rule in (bool, str):
        return type(value) is rule
    if isinstance(rule, re.Pattern):
        return type(value) is str and rule.fullmatch(value) is not None
    return type(value) is type(rule) and value == rule


def fixed_line(line, number, shape, kind):
    """Header or seal: these fields in this order, written in this one way."""
    try:
        value = parse(line, number)
    except Unsound:
        value = None
    if not isinstance(value, dict) or value.get("kind") != kind:
        raise Unsound(f"{kind}_missing", number)
    written = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    sound = list(value) == list(shape) and all(matches(value[name], rule) for name, rule in shape.items())
    if not sound or written.encode("utf-8", "surrogatepass") != line:
        raise Unsound(f"{kind}_invalid", number)
    return value


def root_of(leaves):
    """RFC 6962 2.1 over leaf hashes, pairing level by level; a last one without a neighbour moves up as it is."""
    level = leaves
    while len(level) > 1:
        pairs = [hashlib.sha256(b"\x01" + a + b).digest() for a, b in zip(level[::2], level[1::2])]
        level = pairs + (level[-1:] if len(level) % 2 else [])
    return level[0]


def signed_by(key, line):
    body, _, _ = line.rpartition(b',"sig":')
    signature = bytes.fromhex(json.loads(line)["sig"])
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(signature, b"pgtape-seal-v1\n" + body)
    except (InvalidSignature, ValueError):
        return False
    return True


TYPES = {
    "string": lambda value: type(value) is str,
    "boolean": lambda value: type(value) is bool,
    "null": lambda value: value is None,
    # JSON has one kind of number: 1.0 is an integer.
    "integer": lambda value: type(value) is int or (type(value) is float and value.is_integer()),
    "number": lambda value: type(value) in (int, float),
    "object": lambda value: type(value) is dict,
    "array": lambda value: type(value) is list,
}


def fits(value, schema):
    """Whether the value is as the schema says, for what of JSON Schema occurs in record.schema.json."""
    unknown = schema.keys() - {
        "$schema", "title", "description", "type", "const", "enum", "anyOf", "oneOf", "properties", "required",
        "additionalProperties", "items", "prefixItems", "minItems", "maxItems", "minimum", "maximum", "exclusiveMinimum",
        "pattern",
    }
    if unknown:
        raise NotImplementedError(f"record.schema.json uses {unknown}")
    for choices in (schema.get("anyOf"), schema.get("oneOf")):
        if choices is not None and not any(fits(value, choice) for choice in choices):
            return False
    kinds = schema.get("type", [])
    kinds = [kinds] if type(kinds) is str else kinds
    if kinds and not any(TYPES[kind](value) for kind in kinds):
        return False
    # As Python sees it, True is 1.
    if "const" in schema and (value != schema["const"] or (type(value) is bool) != (type(schema["const"]) is bool)):
        return False
    if "enum" in schema and not any(type(value) is type(choice) and value == choice for choice in schema["enum"]):
        return False
    if type(value) is str and "pattern" in schema and not matches_pattern(value, schema["pattern"]):
        return False
    if type(value) in (int, float):
        over = value <= schema.get("exclusiveMinimum", float("-inf"))
        if over or not schema.get("minimum", float("-inf")) <= value <= schema.get("maximum", float("inf")):
            return False
    if type(value) is dict:
        known = schema.get("properties", {})
        if not set(schema.get("required", [])) <= value.keys():
            return False
        if schema.get("additionalProperties") is False and not value.keys() <= known.keys():
            return False
        return all(fits(value[name], known[name]) for name in value if name in known)
    if type(value) is list:
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", float("inf")):
            return False
        first, rest = schema.get("prefixItems", []), schema.get("items")
        return all(map(fits, value, first)) and (not rest or all(fits(item, rest) for item in value[len(first):]))
    return True


def matches_pattern(text, pattern):
    # Python's $ would let a newline pass.
    assert pattern.startswith("^") and pattern.endswith("$"), pattern
    return re.fullmatch(pattern[1:-1], text, re.ASCII) is not None


def check_record(line, number, header, seq):
    record = parse(line, number)
    kind = record.get("kind") if isinstance(record, dict) else None
    if type(kind) is not str or kind not in RECORDS or not fits(record, SCHEMAS[kind]):
        raise Unsound("line_invalid", number)
    reel, session = record["reel"], record.get("session")
    if kind in OF_SESSION or (kind == "gap" and session is not None):
        if not session.startswith(reel[:16]) or "n" not in record:
            raise Unsound("line_invalid", number)
    elif "n" in record:
        raise Unsound("line_invalid", number)
    if reel != header["reel"]:
        raise Unsound("reel_mismatch", number)
    if record["seq"] != seq:
        raise Unsound("seq_gap", number)
    return record


def check_segment(text):
    """Header, seal, seal's digest and records of one segment's text; Unsound says what is wrong."""
    if not text:
        raise Unsound("header_missing")
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        raise Unsound("not_utf8") from None
    lines = text.split(b"\n")
    if lines.pop() != b"" or b"" in lines:
        raise Unsound("line_ending")
    if any(len(line) > LINE_BYTES_MAX for line in lines):
        raise Unsound("line_too_long")
    header = fixed_line(lines[0], 1, HEADER, "header")
    last = len(lines)
    if last < 2:
        raise Unsound("seal_missing", last)
    seal = fixed_line(lines[-1], last, SEAL, "seal")
    if seal["reel"] != header["reel"]:
        raise Unsound("reel_mismatch", last)
    if seal["segment"] != header["segment"]:
        raise Unsound("segment_mismatch", last)
    key_id = hashlib.sha256(bytes.fromhex(header["key"])).hexdigest()[:16]
    if seal["key_id"] != key_id or not signed_by(header["key"], lines[-1]):
        raise Unsound("seal_signature", last)
    if not len(lines) - 2 == seal["count"] == seal["last_seq"] - seal["first_seq"] + 1:
        raise Unsound("count")
    records = [
        check_record(line, i + 2, header, seal["first_seq"] + i) for i, line in enumerate(lines[1:-1])
    ]
    leaves = [hashlib.sha256(b"\x00" + line).digest() for line in lines[:-1]]
    if root_of(leaves).hex() != seal["root"]:
        raise Unsound("tree_root")
    return header, seal, hashlib.sha256(lines[-1]).hexdigest(), records


class Reel:
    def __init__(self, trusted):
        self.trusted = trusted
        self.findings = []
        self.chain = ("0" * 64, None, 0)  # digest, next key, last seq; None when nothing ties the next segment
        self.expected = 1
        self.sessions = {}
        self.untied = False
        self.recovered = self.crashed = self.ended = False
        self.closed_by = None
        self.by = None
        self.key = ""  # of segment 1
        self.tail = None  # number and seal digest of the last sound segment
        self.opened, self.previous, self.enrolments, self.orphaned = "", None, [], []
        self.recovery_key = None
        self.segments = self.records = 0

    def found(self, verdict, artefact, reason):
        self.findings.append((verdict, artefact, reason))

    def untie(self, artefact, reason):
        self.found("forged", artefact, reason)
        self.chain = None
        self.untied = True
        for state in self.sessions.values():
            if not state["closed"]:
                state["verdict"] = "forged"

    def add(self, key, path):
        recorder, reel, number = KEY.fullmatch(key).groups()
        number = int(number)
        # A long hole is named by its first segment alone.
        until = number if number - self.expected <= 100 else self.expected + 1
        for missing in range(self.expected, until):
            self.untie(f"reel/{recorder}/{reel}/{missing:08d}.jsonl.zst", "segment_missing")
        self.expected = number + 1
        self.segments += 1
        try:
            header, seal, digest, records = check_segment(decompress(path.read_bytes()))
        except Unsound as error:
            self.untie(key if error.line is None else f"{key}#{error.line}", error.reason)
            return
        for name, want in (("reel", reel), ("recorder", recorder), ("segment", number)):
            if header[name] != want:
                self.untie(key, f"{name}_mismatch")
                return
        self.link(key, header, seal, digest)
        for i, record in enumerate(records):
            self.line(key, i + 2, header, record)

    def link(self, key, header, seal, digest):
        chain = self.chain
        self.recover(key, header, seal)
        if chain is not None:
            prev, next_key, last_seq = chain
            if seal["prev"] != prev:
                self.untie(key, "chain_prev")
            if next_key is None:
                if self.trusted and header["key"] not in self.trusted:
                    self.untie(key, "key_untrusted")
            elif header["key"] != next_key and not header["recovered"]:
                self.untie(key, "key_chain")
            if seal["first_seq"] != last_seq + 1:
                self.untie(key, "seq_gap")
        self.chain = (digest, seal["next_key"], seal["last_seq"])
        self.tail = (seal["segment"], digest)
        if seal["segment"] == 1:
            self.key = header["key"]

    def recover(self, key, header, seal):
        """A recovered segment has the key of the reel's journal, and only recovered ones follow it."""
        recovery_key = header["recovery_key"]
        self.recovery_key = self.recovery_key or recovery_key
        if recovery_key != self.recovery_key:
            self.untie(key, "recovery_key_changed")
        if not header["recovered"]:
            if self.recovered:
                self.untie(key, "recovered_resumed")
            return
        if header["key"] != recovery_key or seal["next_key"] != recovery_key:
            self.untie(key, "recovery_key")
        if not self.recovered:
            self.found("crashed", key, "recovered")
            self.recovered = self.crashed = True

    def line(self, key, number, header, record):
        artefact, kind = f"{key}#{number}", record["kind"]
        self.records += 1
        if self.closed_by:
            self.found("forged", artefact, "after_reel_closed")
        if (kind in OPENS) != (record["seq"] == 1):
            self.found("forged", artefact, "reel_opened")
        if kind != "reel_closed":
            by = "vault" if kind in OF_VAULT else "recorder"
            self.by = self.by or by
            if by != self.by:
                self.found("forged", artefact, "kind_misplaced")
        if kind == "vault_opened":
            self.opened, self.previous = artefact, record.get("previous")
        if kind == "enrolment":
            self.enrolments.append(record)
        if kind == "orphaned":
            self.orphaned.append(record)
        if kind in OPENS and record.get("recorder") != header["recorder"]:
            self.found("forged", artefact, "recorder_mismatch")
        if kind == "reel_closed":
            self.closed_by = artefact
        self.ended = kind == "reel_closed"
        if "session" in record:
            self.session_line(artefact, header, record)
        elif kind == "gap":
            crashed = record.get("reason") == "recorder_crashed"
            if crashed:
                self.crashed = self.ended = True
            self.found("crashed" if crashed else "gap", artefact, str(record.get("reason")))

    def session_line(self, artefact, header, record):
        state = self.sessions.setdefault(record["session"], {"n": 0, "closed": False, "verdict": "complete"})
        if self.untied:
            state["verdict"] = "forged"
        elif state["closed"]:
            state["verdict"] = "forged"
            self.found("forged", artefact, "after_closed")
        elif record["n"] != state["n"] + 1:
            state["verdict"] = "forged"
            self.found("forged", artefact, "session_gap")
        if header["recovered"]:
            state["verdict"] = worse(state["verdict"], "crashed")
        if record["kind"] == "gap":
            verdict = "crashed" if record.get("reason") == "recorder_crashed" else "gap"
            state["verdict"] = worse(state["verdict"], verdict)
            self.found(verdict, artefact, str(record.get("reason")))
        if record["kind"] == "closed":
            state["closed"] = True
            if record.get("why") == "recorder_crashed":
                state["verdict"] = worse(state["verdict"], "crashed")
        state["n"] = record["n"]

    def finish(self, last_key):
        end = "crashed" if self.crashed else "closed" if self.closed_by else "open"
        for name, state in self.sessions.items():
            if state["closed"]:
                continue
            if end == "closed" and state["verdict"] != "forged":
                self.found("gap", name, "session_not_closed")
            state["verdict"] = worse(state["verdict"], {"closed": "gap"}.get(end, end))
        if not self.ended:
            self.found("open", last_key, "not_closed")

    def verdict(self):
        worst = "complete"
        for verdict in [f[0] for f in self.findings] + [s["verdict"] for s in self.sessions.values()]:
            worst = worse(worst, verdict)
        return worst


def judge_together(reels):
    """What the vaults' reels say of others: how the vault before ended, whose keys were vouched for, whose pod is gone."""
    by_id = {}
    for (recorder, reel_id), reel in reels.items():
        by_id.setdefault(reel_id, []).append((recorder, reel))
    for (recorder, reel_id), vault in reels.items():
        if vault.by != "vault":
            continue
        if vault.previous is not None:
            succeed(reels, recorder, vault, vault.previous)
        for record in vault.enrolments:
            for of_recorder, reel in by_id.get(record["of_reel"], []):
                if reel.by == "vault":
                    continue
                same = of_recorder == record["of_recorder"]
                same = same and reel.key in ("", record["key"])
                same = same and (reel.recovery_key or record["recovery_key"]) == record["recovery_key"]
                if not same:
                    key = f"reel/{of_recorder}/{record['of_reel']}/00000001.jsonl.zst"
                    reel.found("forged", key, "enrolment_mismatch")
    judge_orphans(reels)


def judge_orphans(reels):
    """Whose pod is gone: the word of the vault that enrolled the reel by that pod, where the vault's own reels are sound."""
    sound = [(recorder, reel) for (recorder, _), reel in reels.items() if reel.by == "vault" and reel.verdict() != "forged"]
    enrolled = {
        (recorder, record["of_reel"], record["of_recorder"], record["pod_uid"])
        for recorder, vault in sound for record in vault.enrolments if "pod_uid" in record
    }
    words = {}
    for recorder, vault in sound:
        for record in vault.orphaned:
            about = record["of_reel"], record["of_recorder"]
            if (recorder, *about, record["pod_uid"]) in enrolled:
                words.setdefault(about, []).append(record)
    for (recorder, reel_id), reel in reels.items():
        said = words.get((reel_id, recorder))
        if said is not None and reel.by != "vault":
            end_orphan(reel, f"reel/{recorder}/{reel_id}/", said)


def end_orphan(reel, prefix, said):
    """Of several words the one that knew of most segments counts; what came later counts for more than any."""
    known = max(record["segment"] for record in said)
    seals = {record["seal"] for record in said if record["segment"] == known}
    last, seal = reel.tail or (0, "")
    if last < known:
        reel.found("forged", f"{prefix}{known:08d}.jsonl.zst", "segment_missing")
    elif last > known:
        reel.found("complete", f"{prefix}{known + 1:08d}.jsonl.zst", "came_back")
    elif seals != {seal}:
        reel.found("forged", f"{prefix}{known:08d}.jsonl.zst", "seal_mismatch")
    elif reel.ended:
        reel.found("complete", f"{prefix}{known:08d}.jsonl.zst", "came_back")
    else:
        reel.findings = [f for f in reel.findings if f[2] != "not_closed"]
        reel.found("crashed", f"{prefix}{known:08d}.jsonl.zst", "pod_gone")


def succeed(reels, recorder, vault, previous):
    before_id, last = previous["reel"], previous["segment"]
    before = reels.get((recorder, before_id))

    def key(segment):
        return f"reel/{recorder}/{before_id}/{segment:08d}.jsonl.zst"

    if before is None:
        vault.found("forged", key(1), "reel_missing")
    elif before.closed_by:
        before.found("forged", key(last), "closed_afterwards")
    elif before.tail is None or before.tail[0] < last:
        before.found("forged", key(last), "segment_missing")
    elif before.tail[0] > last:
        before.found("forged", key(last + 1), "continued_afterwards")
    elif before.tail[1] != previous["seal"]:
        before.found("forged", key(last), "seal_mismatch")
    else:
        before.findings = [f for f in before.findings if f[2] != "not_closed"]
        before.found("crashed", key(last), "vault_crashed")


def worse(a, b):
    return min(a, b, key=VERDICTS.index)


def begins_vault(path):
    try:
        return b',"kind":"vault_opened"' in decompress(path.read_bytes()).split(b"\n", 2)[1]
    except (Unsound, IndexError):
        return False


def main(arguments):
    trusted, plain = set(), []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--trust":
            trusted.add(next(rest, ""))
        else:
            plain.append(argument)
    if len(plain) not in (1, 2) or not Path(plain[0], "reel").is_dir():
        print(__doc__, file=sys.stderr)
        return 2
    root = Path(plain[0])
    reels = {}
    good = True
    for path in sorted(p for p in root.glob("reel/**/*") if p.is_file()):
        key = path.relative_to(root).as_posix()
        name = KEY.fullmatch(key)
        if name is None:
            if len(plain) == 1:
                print(f"forged {key} key_invalid")
                good = False
        else:
            reels.setdefault((name[1], name[2]), []).append((int(name[3]), key, path))
    if len(plain) == 2 and not any(reel_id == plain[1] for _, reel_id in reels):
        print(f"no reel {plain[1]} in {root}", file=sys.stderr)
        return 2
    checked = {}
    for name, segments in reels.items():
        # Of the others only what a vault's reel says of the one that is asked for.
        if len(plain) == 2 and name[1] != plain[1] and not begins_vault(min(segments)[2]):
            continue
        reel = checked[name] = Reel(trusted)
        for _, key, path in sorted(segments):
            reel.add(key, path)
        reel.finish(key)
    judge_together(checked)
    for (_, reel_id), reel in checked.items():
        if len(plain) == 2 and reel_id != plain[1]:
            continue
        verdict = reel.verdict()
        print(f"{verdict} reel {reel_id} {reel.segments} segments {reel.records} records {len(reel.sessions)} sessions")
        for finding in reel.findings:
            print("  " + " ".join(finding))
        good = good and verdict in ("complete", "open")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
