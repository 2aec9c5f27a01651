#!/usr/bin/env python3
"""An independent reader of Granary's files, written from the pages beside it; it shares no code with the engine.

    reader.py dump DIR              the live documents as JSON lines, in order of insertion (as `granary export` does)
    reader.py check DIR             every rule of the pages that can be checked
    reader.py show DIR              manifest, segments and sections, for people
    reader.py search DIR K NAME=WEIGHT...   the true top K by brute force: key, score

Checksums and hashes are compared first, on every command. Needs Python 3.9 and, for payloads in zstd, the module
`zstandard` or the system's libzstd. It is made to be plain, not fast. Exit codes: 0 sound, 1 damaged, 64 usage.
"""

import hashlib
import os
import re
import struct
import sys

from reading.agreement import check_agreement, is_normal
from reading.dense import Dense, read_dense_schema
from reading.fields import check_fields, read_fields
from reading.lists import check_calibration, check_lists
from reading.support import Cursor, Damaged, crc32c, expand_lz4, expand_zstd, expect, f32, half, has_known_codec, inside
from reading.support import line, search

MAGIC, END_MAGIC = bytes.fromhex("8947524e0d0a1a0a"), bytes.fromhex("0a1a0a0d4e524789")
MANIFEST_MAGIC, MANIFEST_END = bytes.fromhex("8947524d0d0a1a0a"), bytes.fromhex("0a1a0a0d4d524789")
KINDS = {1: "blocks", 2: "summary", 3: "dense", 4: "dead"}
NONE = 0xFFFFFFFF
FLOAT16, FLOAT32, UINT8 = 1, 2, 3
LARGEST = f32(2.0 ** 128 - 2.0 ** 104)  # The largest finite float32.


def blake2s(*parts):
    return hashlib.blake2s(b"".join(parts), digest_size=16).digest()


# Formats/manifest.md

class Manifest:
    def __init__(self, directory):
        names = [n for n in os.listdir(directory) if re.fullmatch(r"MANIFEST-[0-9a-f]{16}", n)]
        expect(names, f"{directory}: no manifest")
        self.name = max(names)
        with open(os.path.join(directory, self.name), "rb") as file, inside(self.name):
            self.read(file.read())

    def read(self, data):
        expect(48 <= len(data) <= 1 << 28 and data[:8] == MANIFEST_MAGIC, "not a manifest")
        expect(data[-8:] == MANIFEST_END, "it ends early")
        expect(blake2s(data[:-24]) == data[-24:-8], "it has not its hash")
        c = Cursor(data, "the manifest")
        c.take(8)
        expect(c.next("H") == 1, "another major version")
        c.take(6)
        flags = [c.next("I") for _ in range(3)]
        expect(flags[0] == 0, "unknown incompatible features")
        c.take(4)
        self.index, self.generation, self.previous = c.take(16), c.next("Q"), c.take(16)
        expect(self.name == f"MANIFEST-{self.generation:016x}", "another generation")
        expect(0 < self.generation < (1 << 64) - 1, "no generation")
        self.next_sequence, self.next_ordinal = c.next("Q"), c.next("Q")
        self.version = c.counted(255).decode()
        self.read_schema(Cursor(c.counted(65536), "the schema"))
        self.files = [(c.take(16), c.next("Q"), c.next("Q"), c.take(16)) for _ in range(c.next("I"))]
        for identifier, kind, _, _ in self.files:
            expect(kind in KINDS, f"file {identifier.hex()}: no kind is {kind}")
        expect(len({file[0] for file in self.files}) == len(self.files), "a file twice")
        self.segments = []
        for _ in range(c.next("I")):
            ordinal = c.next("Q")
            expect(ordinal not in (known[0] for known in self.segments), f"segment {ordinal} twice")
            self.segments.append((ordinal, *self.read_segment(c, f"segment {ordinal}")))
            expect(ordinal < self.next_ordinal, f"segment {ordinal}: its ordinal reaches the next one's")
        used = [place for *_, dead_file, places in self.segments for place in places + [dead_file] if place != NONE]
        expect(sorted(used) == list(range(len(self.files))), "files that are in no segment, or in two")
        self.user_data = c.counted(1 << 20)
        expect(c.next("Q") == len(data) and c.at == len(data) - 24, "the length in the trailer")

    def read_schema(self, c):
        self.weights, self.compression = c.next("B"), c.next("B")
        expect(self.weights in (1, 2, 3) and self.compression in (0, 1, 2), "the schema's weights or compression")
        self.dense = read_dense_schema(c.take(4))
        self.fields = read_fields(c)

    def read_segment(self, c, what):
        first, last, documents, dead, dead_file = c.next("Q"), c.next("Q"), c.next("I"), c.next("I"), c.next("I")
        places = [c.next("I") for _ in range(c.next("I"))]
        expect(dead <= documents, f"{what}: {dead} of {documents} documents are dead")
        expect((dead == 0) == (dead_file == NONE), f"{what}: a dead file without dead documents, or the reverse")
        kinds = [self.files[place][1] if place < len(self.files) else None for place in places]
        expect(kinds[:2] == [1, 2] and all(kind == 3 for kind in kinds[2:]), f"{what}: places of its files")
        expect(dead == 0 or dead_file < len(self.files) and self.files[dead_file][1] == 4, f"{what}: its dead file")
        expect(first <= last < self.next_sequence, f"{what}: sequence numbers {first} to {last}")
        expect(first + documents <= self.next_sequence, f"{what}: more documents than sequence numbers")
        expect(last - first < 1 << 32, f"{what}: sequence numbers further apart than 32 bits tell")
        return first, last, documents, dead, dead_file, places


# Formats/container.md

class Container:
    def __init__(self, directory, record):
        self.name = f"{record[0].hex()}.{KINDS[record[1]]}"
        with open(os.path.join(directory, self.name), "rb") as file, inside(self.name):
            self.data = file.read()
            self.read(self.data, *record)

    def read(self, data, identifier, kind, length, root):
        expect(len(data) == length and length >= 128, "another length than the manifest's")
        expect(data[:8] == MAGIC, "not a data file")
        expect(struct.unpack("<I", data[60:64])[0] == crc32c(data[:60]), "checksum of the header")
        expect(data[8] == kind and data[10:12] == b"\1\0", "another kind or version")
        expect(data[32:48] == identifier, "another name's file")
        footer = data[-64:]
        expect(footer[-8:] == END_MAGIC, "it ends early")
        expect(struct.unpack("<I", footer[52:56])[0] == crc32c(footer[:52]), "checksum of the footer")
        table, count, _, total = struct.unpack("<QIIQ", footer[:24])
        expect(total == length and count <= 1024 and table == length - 64 - 64 * count >= 64, "the footer")
        entries = [struct.unpack("<IHBBQQQQ24s", data[table + 64 * i:table + 64 * i + 64]) for i in range(count)]
        first = crcs = entries[0][7] if entries else table
        expect(blake2s(data[:64], data[first:-64]) == footer[24:40] == root, "root hash")
        self.sections, end, filled = {}, 64, 64
        for number, codec, shift, _, offset, size, elements, checksums, name in entries:
            label = name.rstrip(b"\0").decode("ascii")
            expect(9 <= shift <= 24 and (not label or label.isprintable()), f"section {number}: its entry")
            expect(offset % 4096 == 0 and offset >= end and offset + size + 64 <= first, f"{label}: its place")
            expect(not any(data[filled:offset]), f"bytes before {label} are not zero")
            expect(checksums == crcs <= table and crcs % 4 == 0, f"{label}: the place of its checksums")
            for at in range(0, size, 1 << shift):
                found = crc32c(data[offset + at:offset + min(size, at + (1 << shift))])
                expect(struct.unpack("<I", data[crcs:crcs + 4])[0] == found, f"{label}: checksum at {at}")
                crcs += 4
            expect(number not in self.sections and has_known_codec(number, codec), f"{label} twice, or its codec")
            self.sections[number] = (label, codec, data[offset:offset + size], elements)
            end, filled = offset + size + 64, offset + size
        expect(not any(data[filled:first]), "bytes behind the sections are not zero")
        expect(0 <= table - crcs < 64, "checksums that do not end at the table")

    def bytes(self, number, length=None):
        expect(number in self.sections, f"{self.name}: no section {number}")
        data = self.sections[number][2]
        expect(length is None or len(data) == length, f"{self.name}: length of section {number}")
        return data

    def array(self, number, form, count=None):
        size = struct.calcsize(form)
        data = self.bytes(number, None if count is None else size * count)
        expect(len(data) % size == 0, f"{self.name}: length of section {number}")
        return struct.unpack(f"<{len(data) // size}{form}", data)

    def starts(self, number, count, end):
        """count + 1 ascending positions up to the end of what they are in."""
        starts = self.array(number, "I", count + 1)
        expect(starts[0] == 0 and list(starts) == sorted(starts) and starts[-1] == end,
               f"{self.name}: starts in section {number}")
        return starts


# Formats/segment.md, rows.md, postings.md, dead.md

class Segment:
    def __init__(self, directory, manifest, record):
        self.what = f"segment {record[0]}"
        with inside(self.what):
            self.read(directory, manifest, *record[1:])

    def read(self, directory, manifest, first, last, documents, dead, dead_file, places):
        self.first, self.fields = first, manifest.fields
        files = [Container(directory, manifest.files[place]) for place in places[:2]]
        self.blocks_file, self.summary_file = blocks, summary = files
        c = Cursor(blocks.bytes(1, 64), "the facts")
        self.documents, self.components, self.weights = c.next("I"), c.next("I"), c.next("B")
        self.wide, self.compression, _, self.blocks = c.next("B"), c.next("B"), c.next("B"), c.next("I")
        self.entries, self.postings, self.windows = (c.next(f) for f in "QQI")
        expect(self.documents == documents and self.weights == manifest.weights, "facts: documents or weights")
        expect(self.wide == (self.components > 65536) and self.compression in (0, 1, 2), "facts: width or compression")
        expect(self.windows in (0, -(-documents // 65536)) and 0 in (self.windows, self.blocks), "facts: windows")
        d, n = self.documents, self.components
        self.component = blocks.array(2, "I", n)
        self.rows, self.fine = blocks.bytes(4), blocks.bytes(6)
        self.width = {FLOAT16: 1, FLOAT32: 4, UINT8: 0}[self.weights]
        self.row_starts = blocks.starts(5, d, len(self.rows) // 8)
        self.fine_starts = blocks.array(7, "I", d + 1)
        expect(self.fine_starts[-1] * 8 * self.width == len(self.fine), "the length of fine weights")
        self.steps = blocks.array(8, "f", n if self.weights == UINT8 else 0)
        for local, step in enumerate(self.steps):
            expect(is_normal(step), f"the step of local component {local} is no normal number above 0: {step}")
        self.insertions = blocks.array(9, "I", d)
        expect(len(set(self.insertions)) == d and min(self.insertions, default=0) == 0, "insertions: each once, from 0")
        most = max(self.insertions, default=0)
        expect(most <= last - first, f"insertions: {most} is beyond the last, which is {last - first}")
        self.key_bytes = blocks.bytes(10)
        self.key_starts = blocks.starts(11, d, len(self.key_bytes))
        self.tokens = None
        if 17 in blocks.sections:
            starts = blocks.starts(18, n, len(blocks.bytes(17)))
            self.tokens = [blocks.bytes(17)[a:b].decode() for a, b in zip(starts, starts[1:])]
        self.dead = set()
        if dead_file != NONE:
            words = Container(directory, manifest.files[dead_file]).array(48, "Q", (d + 63) // 64)
            self.dead = {64 * i + bit for i, word in enumerate(words) for bit in range(64) if word >> bit & 1}
        dense = [Container(directory, manifest.files[place]) for place in places[2:]]
        self.dense = Dense(dense, d, manifest.dense) if dense else None
        expect(len(self.dead) == dead and all(o < d for o in self.dead), "the number of dead documents")
        check_calibration(summary)

    def row(self, ordinal):
        """(component, code) of each entry, and the shift."""
        row = self.rows[8 * self.row_starts[ordinal]:8 * self.row_starts[ordinal + 1]]
        expect(len(row) >= 4, "a row without a header")
        entries, shift = struct.unpack("<HB", row[:3])
        groups = entries // 8
        expect(entries % 8 == 0 and 4 + groups + 2 * entries <= len(row), "a malformed row")
        expect(shift <= (24 if self.weights == UINT8 else 0), f"a shift of {shift}")
        control, codes = row[4:4 + groups], row[4 + groups:4 + groups + entries]
        at, component, out = 4 + groups + entries, 0, []
        for e in range(entries):
            size = 1 + (control[e // 8] >> e % 8 & 1)
            expect(at + size <= len(row), "gaps that run past the row")
            component += int.from_bytes(row[at:at + size], "little")
            expect(component < 1 << (32 if self.wide else 16), f"entry {e}: components that do not ascend")
            at += size
            out.append((component, codes[e]))
        expect(not any(row[at:]) and len(row) - at < 8, "the end of a row")
        return out, shift

    def vector(self, ordinal):
        """(local component, stored weight), ascending."""
        entries, shift = self.row(ordinal)
        expect(8 * (self.fine_starts[ordinal + 1] - self.fine_starts[ordinal]) == len(entries), "fine starts")
        out = []
        for e, (local, code) in enumerate(entries):
            at = (8 * self.fine_starts[ordinal] + e) * self.width
            fine = int.from_bytes(self.fine[at:at + self.width], "little") & (127 if self.width == 1 else NONE)
            if code == fine == 0:
                continue
            expect(local < self.components and (not out or local > out[-1][0]), f"entry {e}: components in order")
            weight = self.weight(local, code, shift, fine)
            expect(0 < weight <= (65504 if self.width > 0 else LARGEST), f"entry {e}: a weight of {weight}")
            out.append((local, weight))
        return out

    def weight(self, local, code, shift, fine):
        if self.weights == FLOAT16:
            return half(code << 7 | fine)
        if self.weights == UINT8:
            return f32(f32(code * self.steps[local]) * 2.0 ** shift)
        weight = struct.unpack("<f", struct.pack("<I", fine))[0]
        expect(half(code << 7) <= weight and not weight >= half(code + 1 << 7), f"a code {code} of another weight")
        return weight

    def key(self, ordinal):
        key = self.key_bytes[self.key_starts[ordinal]:self.key_starts[ordinal + 1]]
        if key[:1] == b"\0" and 2 <= len(key) <= 256:
            return key[1:].decode()
        expect(key[:1] == b"\1" and len(key) == 9, "a key")
        return struct.unpack("<Q", key[1:])[0]

    def payload(self, ordinal):
        if 14 not in self.blocks_file.sections:
            return None
        expect(self.blocks_file.sections[14][1] == self.compression, "the compression of payloads")
        block, offset, length = self.blocks_file.array(16, "I", 3 * self.documents)[3 * ordinal:3 * ordinal + 3]
        if block == NONE:
            return None
        entry = self.blocks_file.bytes(15)[16 * block:16 * block + 16]
        expect(len(entry) == 16, f"a payload in block {block}, which is not there")
        start, packed, raw = struct.unpack("<QII", entry)
        data = self.blocks_file.bytes(14)[start:start + packed]
        expect(len(data) == packed and raw <= 32 << 20 and offset + length <= raw, "a payload inside its block")
        expect(length <= 16 << 20, f"a payload of {length} bytes")
        if self.compression > 0:
            data = expand_zstd(data, raw) if self.compression == 1 else expand_lz4(data, raw)
        expect(len(data) == raw, f"block {block} of payloads does not unpack to its length")
        return data[offset:offset + length]

    def live(self):
        """Sequence numbers and ordinals of the live documents."""
        return [(self.first + i, o) for o, i in enumerate(self.insertions) if o not in self.dead]

    def name(self, local):
        return self.tokens[local] if self.tokens is not None else str(self.component[local])

    def check(self):
        keys, total, having = {}, 0, {}
        for ordinal in range(self.documents):
            with inside(f"document {ordinal}"):
                vector = self.vector(ordinal)
                self.key(ordinal)
                self.payload(ordinal)
            expect(len(vector) <= 32767, f"document {ordinal}: {len(vector)} entries")
            total += len(vector)
            for local, weight in vector:
                having.setdefault(local, {})[ordinal] = weight
            key = self.key_bytes[self.key_starts[ordinal]:self.key_starts[ordinal + 1]]
            keys.setdefault(int.from_bytes(blake2s(key)[:8], "big"), []).append(ordinal)
        expect(total == self.entries, f"{total} entries where the facts say {self.entries}")
        blocks, d = self.blocks_file, self.documents
        hashes, ordinals = blocks.array(12, "Q", d), blocks.array(13, "I", d)
        expect(list(hashes) == sorted(h for h in keys for _ in keys[h]), "key hashes")
        expect(list(ordinals) == [ordinal for key_hash in sorted(keys) for ordinal in keys[key_hash]], "key ordinals")
        self.check_lookup()
        check_fields(self)
        check_lists(self, having)

    def check_lookup(self):
        codec, words = self.blocks_file.sections[3][1], self.blocks_file.array(3, "I")
        n, locals_ = self.components, {c: local for local, c in enumerate(self.component)}
        expect(len(locals_) == n, "components: one of them twice")
        if codec == 1:
            expect(len(words) == (max(locals_) + 1 if n else 0), "component lookup: its length")
            expect(all(local == locals_.get(c, NONE) for c, local in enumerate(words)), "component lookup")
        else:
            expect(codec == 2 and len(words) == 2 * n and list(words[:n]) == sorted(locals_), "component lookup")
            expect(all(words[n + i] == locals_[words[i]] for i in range(n)), "component lookup")
        if self.tokens is not None:
            first = {token: local for local, token in reversed(list(enumerate(self.tokens)))}
            for local, token in enumerate(self.tokens):
                expect(first[token] == local, f"tokens: {token!r} of local components {first[token]} and {local}")
            order = sorted(range(n), key=lambda local: self.tokens[local].encode())
            expect(list(self.blocks_file.array(19, "I", n)) == order, "token order")


# What people see

def show(manifest, segments):
    print(f"{manifest.name}: index {manifest.index.hex()}, written by {manifest.version}")
    for s in segments:
        print(f"segment: {s.documents} documents, {len(s.dead)} dead, {s.components} components, {s.blocks} blocks")
        for file in (s.blocks_file, s.summary_file):
            print(f"  {file.name}: {len(file.data)} bytes")
            for section, (name, codec, data, elements) in file.sections.items():
                print(f"    {section:3} {name:18} codec {codec}  {len(data):12} bytes  {elements:12} elements")


def check(segments):
    for segment in segments:
        with inside(segment.what):
            segment.check()
    check_agreement(segments)


def main(arguments):
    if len(arguments) < 2 or arguments[0] not in ("dump", "check", "show", "search"):
        return print(__doc__, file=sys.stderr) or 64
    command, directory = arguments[:2]
    try:
        manifest = Manifest(directory)
        segments = [Segment(directory, manifest, record) for record in manifest.segments]
        if command == "dump":
            sys.stdout.reconfigure(encoding="utf-8", newline="\n")
            # Merged segments have sequence numbers on both sides of others' ones.
            live = sorted((place, n, o) for n, segment in enumerate(segments) for place, o in segment.live())
            for _, number, ordinal in live:
                print(line(segments[number], ordinal))
        elif command == "show":
            show(manifest, segments)
        elif command == "check":
            check(segments)
            print(f"sound: generation {manifest.generation}, {sum(len(s.live()) for s in segments)} live documents")
        else:
            terms = dict((n, float(w)) for n, w in (argument.rsplit("=", 1) for argument in arguments[3:]))
            for key, score in search(segments, int(arguments[2]), terms):
                print(f"{key}\t{score!r}")
    except (Damaged, struct.error, UnicodeDecodeError, OSError) as error:
        print(f"damaged: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
