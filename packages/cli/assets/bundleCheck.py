#!/usr/bin/env python3
"""Checks an evidence bundle of pgtape without pgtape: an independent reading of docs/formats/bundle.md.

usage: check.py BUNDLE [--policy FILE] [--log-key VKEY]... [--trust PUBLIC_KEY_HEX]...

BUNDLE is the folder of the bundle, or its tar file. Without --policy or --log-key the log is believed by the keys that came with the
bundle; --trust names keys one of which must have begun each recording. Needs Python 3.11 and the `cryptography` package (Ed25519).
Prints a line for each session, a line for each finding. Exits 0 when nothing is wrong, 1 when something is, 2 on usage.
"""

import base64
import hashlib
import io
import json
import re
import sys
import tarfile
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

VERDICTS = ["forged", "crashed", "gap", "open", "attested", "excerpt", "complete"]  # worst first
ED25519, COSIGNATURE = 1, 4
FIXED = {"README.md", "manifest.json", "SHA256SUMS", "keys.txt", "report.json", "check.py"}
REDACTABLE = {"opened", "statement", "running", "transaction", "stretch", "notification", "notices"}
REDACTED = ["v", "kind", "reel", "seq", "at", "of", "session", "n", "leaf", "by", "sig"]
HEX = {n: re.compile(rf"[0-9a-f]{{{n}}}") for n in (16, 32, 64)}
SESSION = re.compile(r"[0-9a-f]{16}-[1-9][0-9]{0,15}")
# Shapes: a type, a pattern for a text, None for anything; a tuple says that any of these will do.
NUMBER = re.compile("[0-9]+")
MANIFEST = {
    "format": str, "at": NUMBER, "by": str, "selection": {"kind": str, "what": str},
    "sessions": [{"session": SESSION, "reel": HEX[32], "whole": bool}],
    "reels": [{"reel": HEX[32], "key": HEX[64], "recovery_key": HEX[64]}],
    "segments": [{
        "reel": HEX[32], "recorder": HEX[16], "segment": int, "object": str, "lines": int, "redacted": int,
        "leaf": (int, type(None)),
    }],
    "exporter": (HEX[64], type(None)), "lacks": [str],
}
LEAF = {
    "segment": [
        "v", "kind", "reel", "segment", "first_seq", "last_seq", "count", "root", "seal", "object", "version", "sha256",
        "retain_until", "at",
    ],
    "reel_start": ["v", "kind", "reel", "recorder", "key", "recovery_key", "enrolment", "at"],
}


class Unsound(Exception):
    def __init__(self, artefact, reason):
        super().__init__(f"{artefact} {reason}")
        self.artefact, self.reason = artefact, reason


class Bundle:
    def __init__(self, files, policy, log_keys, trusted):
        self.files, self.policy, self.log_keys, self.trusted = files, policy, log_keys, trusted
        self.findings, self.sessions, self.limits = [], {}, []
        self.log = None
        self.proven = self.attested = 0

    def found(self, verdict, artefact, reason):
        self.findings.append((verdict, artefact, reason))

    def forged(self, artefact, reason):
        self.found("forged", artefact, reason)

    # What files there are.

    def check(self):
        self.check_sums()
        try:
            self.manifest = read_json(self.files.get("manifest.json", b""))
            self.check_contents()
        except (Unsound, ValueError, KeyError, TypeError, AttributeError):
            self.forged("manifest.json", "manifest_invalid")
            return
        if any(name not in self.files for name in self.expected if name in FIXED or name.startswith("seals/")):
            return
        self.open_log()
        self.check_exporter()
        self.check_keys()
        for session in self.manifest["sessions"]:
            self.sessions[session["session"]] = {
                "reel": session["reel"], "whole": session["whole"], "verdict": "complete", "lines": 0, "attested": 0,
                "n": 0, "closed": False, "untied": False,
            }
        if any(state["whole"] for state in self.sessions.values()):
            self.limits.append("a gap of the whole recording belongs to no session: whoever exported could have left such a line out")
        for reel in self.manifest["reels"]:
            self.check_reel(reel)
        for name, state in self.sessions.items():
            if state["lines"] == 0:
                self.forged(name, "session_missing")
                state["verdict"] = "forged"
            end = "excerpt" if not state["whole"] else "complete" if state["closed"] else "open"
            state["verdict"] = worse(state["verdict"], end)

    def check_sums(self):
        if "SHA256SUMS" not in self.files:
            return
        sums = {}
        for line in self.files["SHA256SUMS"].decode("latin-1").split("\n")[:-1]:
            match = re.fullmatch(r"([0-9a-f]{64})  ([A-Za-z0-9_./-]+)", line)
            if match is None:
                self.forged("SHA256SUMS", "sums_invalid")
                return
            sums[match[2]] = match[1]
        before = len(self.findings)
        summed = sorted(set(self.files) - {"SHA256SUMS", "SHA256SUMS.sig"})
        for name in summed:
            if sums.get(name) != hashlib.sha256(self.files[name]).hexdigest():
                self.forged(name, "file_changed")
        for name in sorted(set(sums) - set(self.files)):
            self.forged(name, "file_missing")
        written = "".join(f"{sums.get(name)}  {name}\n" for name in summed)
        if len(self.findings) == before and self.files["SHA256SUMS"] != written.encode():
            self.forged("SHA256SUMS", "sums_invalid")

    def check_contents(self):
        m = self.manifest
        written = json.dumps(m, indent=1, ensure_ascii=False, separators=(",", ": ")) + "\n"
        if not fits(m, MANIFEST) or m["format"] != "pgtape-bundle-v1" or written.encode("utf-8", "surrogatepass") != self.files["manifest.json"]:
            raise Unsound("manifest.json", "manifest_invalid")
        expected = set(FIXED)
        has_log = "log" not in m["lacks"]
        if m["exporter"] is not None:
            expected.add("SHA256SUMS.sig")
        if has_log:
            expected |= {"checkpoint", "policy.txt"}
        for reel in m["reels"]:
            start = {f"log/{reel['reel']}/reel_start.leaf", f"log/{reel['reel']}/reel_start.tlog-proof"}
            expected.add(f"seals/{reel['reel']}.jsonl")
            if has_log and ("reel_start" not in m["lacks"] or start & set(self.files)):
                expected |= start
        for segment in m["segments"]:
            path = path_of(segment)
            expected |= {f"lines/{path}.jsonl", f"proofs/{path}.json"}
            if segment["leaf"] is not None:
                expected |= {f"log/{path}.leaf", f"log/{path}.tlog-proof"}
        for name in sorted(set(self.files) - expected):
            self.forged(name, "file_unlisted")
        for name in sorted(expected - set(self.files)):
            self.forged(name, "file_missing")
        self.expected = expected
        reels = [reel["reel"] for reel in m["reels"]]
        names = [session["session"] for session in m["sessions"]]
        order = [(segment["reel"], segment["segment"]) for segment in m["segments"]]
        unlogged = [segment["leaf"] is None for segment in m["segments"]]
        sound = (
            len(set(reels)) == len(reels) > 0 and len(set(names)) == len(names) > 0 and order
            and all(a < b for a, b in zip(order, order[1:])) and {reel for reel, _ in order} <= set(reels)
            and all(one["reel"] in reels and one["session"].startswith(one["reel"][:16]) for one in m["sessions"])
            and (all(unlogged) if not has_log else any(unlogged) == ("log_entry" in m["lacks"]))
            and (m["exporter"] is not None or all(segment["redacted"] == 0 for segment in m["segments"]))
        )
        if not sound:
            raise Unsound("manifest.json", "manifest_invalid")

    # Who signed.

    def check_exporter(self):
        exporter = self.manifest["exporter"]
        if exporter is None or "SHA256SUMS.sig" not in self.files:
            return
        match = re.fullmatch(rb"([0-9a-f]{64}) ([0-9a-f]{128})\n", self.files["SHA256SUMS.sig"])
        signed = b"pgtape-bundle-v1\n" + self.files["SHA256SUMS"]
        if match is None or match[1].decode() != exporter or not verifies(exporter, signed, match[2].decode()):
            self.forged("SHA256SUMS.sig", "exporter_signature")

    def check_keys(self):
        lines = ["# The public keys this bundle is proven with. They came with it: compare them with keys you got another way."]
        try:
            own = parse_policy(self.files.get("policy.txt", b"quorum none\n"))
            lines += [f"log {key['text']}" for key in own["logs"]]
        except ValueError:
            pass
        for reel in self.manifest["reels"]:
            lines.append(f"reel {reel['reel']} first {reel['key']} recovery {reel['recovery_key']}")
        if self.manifest["exporter"] is not None:
            lines.append(f"exporter {self.manifest['exporter']}")
        if self.files["keys.txt"] != ("\n".join(lines) + "\n").encode():
            self.forged("keys.txt", "keys_mismatch")

    # The log.

    def open_log(self):
        if "checkpoint" not in self.files:
            if self.policy is not None or self.log_keys:
                self.forged("checkpoint", "log_missing")
            self.limits.append("no transparency log: not proven when this was recorded, nor that it was not written anew as a whole")
            return
        try:
            if self.policy is not None:
                policy = parse_policy(self.policy)
            elif self.log_keys:
                policy = {"logs": [parse_vkey(key) for key in self.log_keys], "witnesses": {}, "groups": [], "quorum": "none"}
            else:
                policy = parse_policy(self.files.get("policy.txt", b""))
                self.limits.append("the log's key came with the bundle: compare it, or give --policy or --log-key")
        except ValueError:
            self.forged("policy.txt", "policy_invalid")
            return
        try:
            self.log = open_checkpoint(self.files["checkpoint"], policy)
        except Unsound as error:
            self.forged(error.artefact, error.reason)
            return
        if not self.log["cosigned"]:
            self.limits.append("no witness cosigned the checkpoint")

    def entry(self, leaf_file, proof_file):
        """A leaf that is in the log, and its index; None, with a finding, otherwise."""
        if self.log is None or leaf_file not in self.files or proof_file not in self.files:
            return None
        entry = self.files[leaf_file]
        try:
            index, hashes, checkpoint = parse_proof(self.files[proof_file])
            if checkpoint != self.files["checkpoint"]:
                raise ValueError
        except ValueError:
            self.forged(proof_file, "log_proof_invalid")
            return None
        if not included(leaf_hash(entry), index, self.log["size"], hashes, self.log["root"]):
            self.forged(proof_file, "log_inclusion")
            return None
        try:
            leaf = read_json(entry)
            if len(entry) > 1024 or list(leaf) != LEAF.get(leaf["kind"]) or dense(leaf) != entry:
                raise ValueError
        except (ValueError, KeyError, TypeError):
            self.forged(leaf_file, "leaf_invalid")
            return None
        return leaf, index

    # One recording.

    def check_reel(self, reel):
        name = reel["reel"]
        if self.trusted and reel["key"] not in self.trusted:
            self.forged("keys.txt", "key_untrusted")
        start = self.entry(f"log/{name}/reel_start.leaf", f"log/{name}/reel_start.tlog-proof")
        if start is not None:
            leaf = start[0]
            if any(leaf.get(field) != reel[field] for field in ("reel", "key", "recovery_key")) or leaf["kind"] != "reel_start":
                self.forged(f"log/{name}/reel_start.leaf", "leaf_mismatch")
        file = f"seals/{name}.jsonl"
        seals = self.check_seals(file, reel)
        for segment in self.manifest["segments"]:
            if segment["reel"] != name:
                continue
            seal = seals.get(segment["segment"])
            if seal is None:
                self.forged(file, "seal_missing")
                self.untie(name)
                continue
            self.check_logged(segment, *seal)
            try:
                lines = self.check_lines(segment, reel, *seal)
            except Unsound as error:
                self.forged(error.artefact, error.reason)
                self.untie(name)
                continue
            for line in lines:
                self.attested += line["redacted"]
                self.proven += not line["redacted"]
                self.session_line(line)

    def check_seals(self, file, reel):
        """The seals by their number: fields, line. Each signed by the key the one before announced, or by the recovery key."""
        seals, before = {}, None
        lines = lines_of(self.files[file])
        if not lines:
            self.forged(file, "seal_missing")
        for i, line in enumerate(lines or []):
            artefact = f"{file}#{i + 1}"
            try:
                seal = read_json(line)
                if seal["kind"] != "seal" or seal["reel"] != reel["reel"] or dense(seal) != line or list(seal)[-1] != "sig":
                    raise ValueError
                number, last = seal["segment"], before[0]["segment"] if before else 0
                if number <= last:
                    self.forged(artefact, "segment_order")
                elif number == last + 1:
                    prev = hashlib.sha256(before[1]).hexdigest() if before else "0" * 64
                    if seal["prev"] != prev:
                        self.forged(artefact, "chain_prev")
                    if seal["first_seq"] != (before[0]["last_seq"] if before else 0) + 1:
                        self.forged(artefact, "seq_gap")
                    announced = before[0]["next_key"] if before else reel["key"]
                    if not any(signed_seal(key, seal, line) for key in (announced, reel["recovery_key"])):
                        self.forged(artefact, "key_chain")
            except (ValueError, KeyError, TypeError):
                self.forged(artefact, "seal_invalid")
                return seals
            seals[number] = before = (seal, line)
        return seals

    def check_logged(self, segment, seal, line):
        if segment["leaf"] is None:
            return
        file = f"log/{path_of(segment)}.leaf"
        entry = self.entry(file, f"log/{path_of(segment)}.tlog-proof")
        if entry is None:
            return
        leaf, index = entry
        want = {"kind": "segment", "seal": hashlib.sha256(line).hexdigest(), "object": segment["object"]}
        want |= {field: seal[field] for field in ("reel", "segment", "first_seq", "last_seq", "count", "root")}
        if index != segment["leaf"] or any(leaf.get(field) != value for field, value in want.items()):
            self.forged(file, "leaf_mismatch")

    def check_lines(self, segment, reel, seal, seal_line):
        file, proof_file = f"lines/{path_of(segment)}.jsonl", f"proofs/{path_of(segment)}.json"
        if file not in self.files or proof_file not in self.files:
            raise Unsound(file, "file_missing")
        lines = lines_of(self.files[file])
        if lines is None or len(lines) != segment["lines"] + 1:
            raise Unsound(file, "line_count")
        try:
            proofs = read_json(self.files[proof_file])["lines"]
            written = '{"lines":[\n' + ",\n".join(dense(proof).decode() for proof in proofs) + "\n]}\n"
            if len(proofs) != len(lines) or written.encode() != self.files[proof_file]:
                raise ValueError
            proofs = [(proof["index"], [bytes.fromhex(one) for one in proof["proof"]]) for proof in proofs]
        except (ValueError, KeyError, TypeError):
            raise Unsound(proof_file, "proofs_invalid") from None
        root, shown, before, header, redacted = bytes.fromhex(seal["root"]), [], -1, None, 0
        for i, (line, (index, proof)) in enumerate(zip(lines, proofs)):
            artefact = f"{file}#{i + 1}"
            if type(index) is not int or index <= before or (i == 0) != (index == 0):
                raise Unsound(proof_file, "line_order")
            before = index
            redaction = None if i == 0 else redaction_of(line)
            leaf = leaf_hash(line) if redaction is None else bytes.fromhex(redaction["leaf"])
            if not included(leaf, index, seal["count"] + 1, proof, root):
                raise Unsound(artefact, "line_inclusion")
            if i == 0:
                header = header_of(line, segment, reel, artefact)
                continue
            record = redaction or read_record(line, artefact)
            if record.get("reel") != segment["reel"]:
                raise Unsound(artefact, "reel_mismatch")
            if record.get("seq") != seal["first_seq"] + index - 1:
                raise Unsound(artefact, "seq_gap")
            if redaction is not None:
                redacted += 1
                body, _, _ = line.rpartition(b',"sig":')
                exporter = self.manifest["exporter"]
                if redaction["by"] != exporter or not verifies(exporter, b"pgtape-redacted-v1\n" + body, redaction["sig"]):
                    raise Unsound(artefact, "exporter_signature")
            shown.append({
                "artefact": artefact, "reel": segment["reel"], "session": record.get("session"), "n": record.get("n"),
                "kind": record["of"] if redaction else record["kind"], "why": record.get("why"),
                "reason": record.get("reason"), "redacted": redaction is not None, "recovered": header["recovered"],
            })
        if redacted != segment["redacted"]:
            raise Unsound(file, "line_count")
        if not signed_seal(header["key"], seal, seal_line):
            raise Unsound(f"seals/{segment['reel']}.jsonl", "seal_signature")
        return shown

    # Sessions.

    def untie(self, reel):
        for state in self.sessions.values():
            if state["reel"] == reel and not state["closed"]:
                state["verdict"], state["untied"] = "forged", True

    def session_line(self, line):
        artefact, name = line["artefact"], line["session"]
        if name is None:
            if line["kind"] != "gap":
                self.forged(artefact, "line_unasked")
                return
            verdict = "crashed" if line["reason"] == "recorder_crashed" else "gap"
            self.found(verdict, artefact, str(line["reason"]))
            for state in self.sessions.values():
                if state["reel"] == line["reel"] and state["whole"] and state["n"] and not state["closed"]:
                    state["verdict"] = worse(state["verdict"], verdict)
            return
        state = self.sessions.get(name)
        if state is None or state["reel"] != line["reel"]:
            self.forged(artefact, "line_unasked")
            return
        n = line["n"]
        if not state["untied"]:
            if state["closed"]:
                self.forged(artefact, "after_closed")
                state["verdict"] = "forged"
            elif type(n) is not int or (n != state["n"] + 1 if state["whole"] else n <= state["n"]):
                self.forged(artefact, "session_gap")
                state["verdict"] = "forged"
        state["n"] = n
        state["lines"] += 1
        state["attested"] += line["redacted"]
        if line["redacted"]:
            state["verdict"] = worse(state["verdict"], "attested")
        if line["recovered"]:
            state["verdict"] = worse(state["verdict"], "crashed")
        if line["kind"] == "gap":
            verdict = "crashed" if line["reason"] == "recorder_crashed" else "gap"
            self.found(verdict, artefact, str(line["reason"]))
            state["verdict"] = worse(state["verdict"], verdict)
        if line["kind"] == "closed":
            state["closed"] = True
            if line["why"] == "recorder_crashed":
                state["verdict"] = worse(state["verdict"], "crashed")

    def verdict(self):
        worst = "complete"
        for verdict in [f[0] for f in self.findings] + [s["verdict"] for s in self.sessions.values()]:
            worst = worse(worst, verdict)
        return worst


# Lines and JSON.


def worse(a, b):
    return min(a, b, key=VERDICTS.index)


def fits(value, shape):
    if isinstance(shape, tuple):
        return any(fits(value, one) for one in shape)
    if isinstance(shape, re.Pattern):
        return type(value) is str and shape.fullmatch(value) is not None
    if isinstance(shape, dict):
        return type(value) is dict and list(value) == list(shape) and all(fits(value[name], shape[name]) for name in shape)
    if isinstance(shape, list):
        return type(value) is list and all(fits(one, shape[0]) for one in value)
    return type(value) is shape


def path_of(segment):
    return f"{segment['reel']}/{segment['segment']:08d}"


def read_json(data):
    try:
        return json.loads(data.decode("utf-8"), parse_constant=lambda _: 1 / 0)
    except (ZeroDivisionError, RecursionError):
        raise ValueError from None


def dense(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def lines_of(data):
    lines = data.split(b"\n")
    return None if lines.pop() != b"" or b"" in lines else lines


def read_record(line, artefact):
    try:
        record = read_json(line)
    except ValueError:
        raise Unsound(artefact, "bad_json") from None
    if not isinstance(record, dict) or type(record.get("kind")) is not str:
        raise Unsound(artefact, "line_invalid")
    return record


def redaction_of(line):
    try:
        value = read_json(line)
        sound = list(value) == REDACTED and value["kind"] == "redacted" and value["of"] in REDACTABLE and dense(value) == line
        return value if sound and re.fullmatch("[0-9a-f]{64}", value["leaf"]) else None
    except (ValueError, TypeError):
        return None


def header_of(line, segment, reel, artefact):
    try:
        header = read_json(line)
        sound = (
            header["kind"] == "header" and dense(header) == line
            and all(header[field] == segment[field] for field in ("reel", "recorder", "segment"))
            and header["recovery_key"] == reel["recovery_key"]
            and (not header["recovered"] or header["key"] == reel["recovery_key"])
            and (segment["segment"] > 1 or header["key"] == reel["key"])
        )
    except (ValueError, KeyError, TypeError):
        sound = False
    if not sound:
        raise Unsound(artefact, "header_invalid")
    return header


# Trees and signatures.


def leaf_hash(data):
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def included(leaf, index, size, proof, root):
    """RFC 9162 2.1.3.2."""
    if not 0 <= index < size:
        return False
    node, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0 or len(sibling) != 32:
            return False
        if node % 2 == 1 or node == last:
            found = node_hash(sibling, found)
            while node % 2 == 0 and node != 0:
                node, last = node // 2, last // 2
        else:
            found = node_hash(found, sibling)
        node, last = node // 2, last // 2
    return last == 0 and found == root


def verifies(key, data, signature):
    try:
        raw = bytes.fromhex(key) if isinstance(key, str) else key
        raw_signature = bytes.fromhex(signature) if isinstance(signature, str) else signature
        Ed25519PublicKey.from_public_bytes(raw).verify(raw_signature, data)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def signed_seal(key, seal, line):
    body, _, _ = line.rpartition(b',"sig":')
    key_id = hashlib.sha256(bytes.fromhex(key)).hexdigest()[:16]
    return seal["key_id"] == key_id and verifies(key, b"pgtape-seal-v1\n" + body, seal["sig"])


# Notes, checkpoints, policies, proofs: C2SP signed-note, tlog-checkpoint, tlog-policy, tlog-proof.


def decode64(text):
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError
    return data


def decimal(text):
    if re.fullmatch(r"0|[1-9][0-9]{0,15}", text) is None:
        raise ValueError
    return int(text)


def parse_vkey(text):
    match = re.fullmatch(r"([^+\s]+)\+([0-9a-f]{8})\+(.+)", text)
    if match is None:
        raise ValueError
    data = decode64(match[3])
    name, kind, key = match[1], data[0], data[1:]
    if kind in (ED25519, COSIGNATURE):
        key_id = hashlib.sha256(name.encode() + b"\n" + data).digest()[:4].hex()
        if len(key) != 32 or key_id != match[2]:
            raise ValueError
    return {"name": name, "id": match[2], "type": kind, "key": key, "text": text}


def parse_policy(data):
    policy = {"logs": [], "witnesses": {}, "groups": [], "quorum": None}
    names = set()
    for line in data.decode("utf-8").split("\n"):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "log" and len(words) in (2, 3):
            policy["logs"].append(parse_vkey(words[1]))
        elif words[0] == "witness" and len(words) in (3, 4) and words[1] not in names:
            policy["witnesses"][words[1]] = parse_vkey(words[2])
            names.add(words[1])
        elif words[0] == "group" and len(words) >= 4 and words[1] not in names and set(words[3:]) <= names:
            need = {"all": len(words) - 3, "any": 1}.get(words[2])
            policy["groups"].append((words[1], decimal(words[2]) if need is None else need, words[3:]))
            names.add(words[1])
        elif words[0] == "quorum" and len(words) == 2 and policy["quorum"] is None and words[1] in names | {"none"}:
            policy["quorum"] = words[1]
        else:
            raise ValueError
    if policy["quorum"] is None:
        raise ValueError
    return policy


def open_checkpoint(data, policy):
    try:
        text, _, tail = data.decode("utf-8").rpartition("\n\n")
        text += "\n"
        if not tail.endswith("\n"):
            raise ValueError
        signatures = []
        for line in tail[:-1].split("\n"):
            match = re.fullmatch("\u2014 ([^ +]+) ([^ ]+)", line)
            if match is None:
                raise ValueError
            raw = decode64(match[2])
            if len(raw) < 5:
                raise ValueError
            signatures.append((match[1], raw[:4].hex(), raw[4:]))
        origin, size, root, *more = text[:-1].split("\n")
        size, root = decimal(size), decode64(root)
        if origin == "" or len(root) != 32 or "" in more:
            raise ValueError
    except ValueError:
        raise Unsound("checkpoint", "checkpoint_invalid") from None
    signed = False
    for key in policy["logs"]:
        for name, key_id, signature in signatures:
            if (name, key_id) != (key["name"], key["id"]) or key["type"] != ED25519 or key["name"] != origin:
                continue
            if not verifies(key["key"], text.encode(), signature):
                raise Unsound("checkpoint", "checkpoint_signature")
            signed = True
    if not signed:
        raise Unsound("checkpoint", "checkpoint_signature")
    cosigned = set()
    for witness, key in policy["witnesses"].items():
        for name, key_id, signature in signatures:
            if (name, key_id) != (key["name"], key["id"]) or key["type"] != COSIGNATURE:
                continue
            time = int.from_bytes(signature[:8], "big")
            message = f"cosignature/v1\ntime {time}\n{text}".encode()
            if not verifies(key["key"], message, signature[8:]):
                raise Unsound("checkpoint", "checkpoint_signature")
            cosigned.add(witness)
    met = set(cosigned)
    for name, need, members in policy["groups"]:
        if len(met & set(members)) >= need:
            met.add(name)
    if policy["quorum"] != "none" and policy["quorum"] not in met:
        raise Unsound("checkpoint", "quorum_missing")
    return {"origin": origin, "size": size, "root": root, "cosigned": cosigned}


def parse_proof(data):
    head, separator, checkpoint = data.partition(b"\n\n")
    first, index, *hashes = head.decode("ascii").split("\n")
    if not separator or first != "c2sp.org/tlog-proof@v1" or not index.startswith("index ") or len(hashes) > 63:
        raise ValueError
    hashes = [decode64(one) for one in hashes]
    if any(len(one) != 32 for one in hashes):
        raise ValueError
    return decimal(index.removeprefix("index ")), hashes, checkpoint


def read_bundle(path):
    if path.is_dir():
        # The tar itself, where it was unpacked on the spot, is no file of the bundle.
        found = {file.relative_to(path).as_posix(): file for file in path.rglob("*") if file.is_file()}
        return {name: file.read_bytes() for name, file in found.items() if "/" in name or not name.endswith(".tar")}
    with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar.getmembers() if member.isfile()}


def main(arguments):
    plain, policy, log_keys, trusted = [], None, [], set()
    rest = iter(arguments)
    for argument in rest:
        if argument == "--policy":
            policy = Path(next(rest, "")).read_bytes()
        elif argument == "--log-key":
            log_keys.append(next(rest, ""))
        elif argument == "--trust":
            trusted.add(next(rest, ""))
        else:
            plain.append(argument)
    if len(plain) != 1 or not Path(plain[0]).exists():
        print(__doc__, file=sys.stderr)
        return 2
    try:
        files = read_bundle(Path(plain[0]))
    except tarfile.TarError as error:
        print(f"forged {plain[0]} bundle_tar ({error})")
        return 1
    bundle = Bundle(files, policy, log_keys, trusted)
    bundle.check()
    verdict = bundle.verdict()
    for name, state in bundle.sessions.items():
        print(f"{state['verdict']} session {name} {state['lines']} lines {state['attested']} redacted")
    for finding in bundle.findings:
        print("  " + " ".join(finding))
    if bundle.log is not None:
        witnesses = ", ".join(sorted(bundle.log["cosigned"])) or "none"
        print(f"log {bundle.log['origin']} size {bundle.log['size']} witnesses {witnesses}")
    for limit in bundle.limits:
        print(f"not proven: {limit}")
    print(f"{verdict} bundle {bundle.proven} lines proven {bundle.attested} attested")
    return 1 if verdict in ("forged", "crashed", "gap") else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
