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

from reading.dense import Dense, read_dense_schema
from reading.fields import check_fields, read_fields
from reading.impacts import check_impacts
from reading.support import crc32c, expand_lz4, expand_zstd, f32, has_known_codec, line, search

MAGIC, END_MAGIC = bytes.fromhex("8947524e0d0a1a0a"), bytes.fromhex("0a1a0a0d4e524789")
MANIFEST_MAGIC, MANIFEST_END = bytes.fromhex("8947524d0d0a1a0a"), bytes.fromhex("0a1a0a0d4d524789")
KINDS = {1: "blocks", 2: "summary", 3: "dense", 4: "dead"}
NONE = 0xFFFFFFFF
FLOAT16, FLOAT32, UINT8 = 1, 2, 3


class Damaged(Exception):
    """The bytes are not what the pages say."""


def expect(condition, what):
    if not condition:
        raise Damaged(what)


def blake2s(*parts):
    return hashlib.blake2s(b"".join(parts), digest_size=16).digest()


def half(bits):
    return struct.unpack("<e", struct.pack("<H", bits))[0]


class Cursor:
    """Fields one after the other."""

    def __init__(self, data, what):
        self.data, self.at, self.what = data, 0, what

    def take(self, count):
        expect(count <= len(self.data) - self.at, f"{self.what} ends early")
        self.at += count
        return self.data[self.at - count:self.at]

    def next(self, form):
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))[0]


# Formats/manifest.md

class Manifest:
    def __init__(self, directory):
        names = [n for n in os.listdir(directory) if re.fullmatch(r"MANIFEST-[0-9a-f]{16}", n)]
        expect(names, f"{directory}: no manifest")
        self.name = max(names)
        with open(os.path.join(directory, self.name), "rb") as file:
            data = file.read()
        expect(len(data) >= 48 and data[:8] == MANIFEST_MAGIC, f"{self.name}: not a manifest")
        expect(data[-8:] == MANIFEST_END, f"{self.name}: ends early")
        expect(blake2s(data[:-24]) == data[-24:-8], f"{self.name}: has not its hash")
        c = Cursor(data, self.name)
        c.take(8)
        expect(c.next("H") == 1, f"{self.name}: another major version")
        c.take(6)
        flags = [c.next("I") for _ in range(3)]
        expect(flags[0] == 0, f"{self.name}: unknown incompatible features")
        c.take(4)
        self.index, self.generation, self.previous = c.take(16), c.next("Q"), c.take(16)
        expect(self.name == f"MANIFEST-{self.generation:016x}", f"{self.name}: another generation")
        self.next_sequence, self.next_ordinal = c.next("Q"), c.next("Q")
        self.version = c.take(c.next("I")).decode()
        schema = c.take(c.next("I"))
        self.weights, self.compression, self.dense = *schema[:2], read_dense_schema(schema[2:6], expect)
        expect(self.weights in (1, 2, 3) and self.compression in (0, 1, 2), "the schema")
        self.fields = read_fields(Cursor(schema[6:], "the schema"), expect)
        self.files = [(c.take(16), c.next("Q"), c.next("Q"), c.take(16)) for _ in range(c.next("I"))]
        self.segments = []
        for _ in range(c.next("I")):
            ordinal, first, last = c.next("Q"), c.next("Q"), c.next("Q")
            documents, dead, dead_file = c.next("I"), c.next("I"), c.next("I")
            places = [c.next("I") for _ in range(c.next("I"))]
            expect((dead == 0) == (dead_file == NONE), "a dead file without dead documents, or the reverse")
            expect(len(places) >= 2 and max(places) < len(self.files), "places of files")
            expect(first <= last < self.next_sequence and first + documents <= self.next_sequence, "sequence numbers")
            expect(last - first < 1 << 32, "sequence numbers further apart than 32 bits tell")
            expect(ordinal < self.next_ordinal, "the segment's ordinal")
            self.segments.append((ordinal, first, documents, dead, dead_file, places))
        self.user_data = c.take(c.next("I"))
        expect(c.next("Q") == len(data) and c.at == len(data) - 24, f"{self.name}: the length in the trailer")


# Formats/container.md

class Container:
    def __init__(self, directory, record):
        identifier, kind, length, root = record
        self.name = f"{identifier.hex()}.{KINDS[kind]}"
        with open(os.path.join(directory, self.name), "rb") as file:
            self.data = data = file.read()
        expect(len(data) == length and length >= 128, f"{self.name}: another length than the manifest's")
        expect(data[:8] == MAGIC, f"{self.name}: not a data file")
        expect(struct.unpack("<I", data[60:64])[0] == crc32c(data[:60]), f"{self.name}: checksum of the header")
        expect(data[8] == kind and data[10:12] == b"\1\0", f"{self.name}: another kind or version")
        expect(data[32:48] == identifier, f"{self.name}: another name's file")
        footer = data[-64:]
        expect(footer[-8:] == END_MAGIC, f"{self.name}: ends early")
        expect(struct.unpack("<I", footer[52:56])[0] == crc32c(footer[:52]), f"{self.name}: checksum of the footer")
        table, count, _, total = struct.unpack("<QIIQ", footer[:24])
        expect(total == length and table == length - 64 - 64 * count, f"{self.name}: the footer")
        entries = [struct.unpack("<IHBBQQQQ24s", data[table + 64 * i:table + 64 * i + 64]) for i in range(count)]
        checksums = entries[0][7] if entries else table
        expect(blake2s(data[:64], data[checksums:-64]) == footer[24:40] == root, f"{self.name}: root hash")
        self.sections, end = {}, 64
        for number, codec, shift, _, offset, size, elements, crcs, name in entries:
            label = name.rstrip(b"\0").decode("ascii")
            expect(offset % 4096 == 0 and offset >= end and offset + size + 64 <= checksums, f"{label}: its place")
            expect(not any(data[end:offset]), f"{self.name}: bytes before {label} are not zero")
            expect(crcs == checksums, f"{label}: the place of its checksums")
            for at in range(0, size, 1 << shift):
                found = crc32c(data[offset + at:offset + min(size, at + (1 << shift))])
                expect(struct.unpack("<I", data[crcs:crcs + 4])[0] == found, f"{self.name} {label}: checksum at {at}")
                crcs += 4
            expect(number not in self.sections and has_known_codec(number, codec), f"{label} twice, or its codec")
            self.sections[number] = (label, codec, data[offset:offset + size], elements)
            checksums, end = crcs, offset + size
        expect(not any(data[end:entries[0][7] if entries else table]), f"{self.name}: bytes behind the sections")

    def bytes(self, number, length=None):
        expect(number in self.sections, f"{self.name}: no section {number}")
        data = self.sections[number][2]
        expect(length is None or len(data) == length, f"{self.name}: length of section {number}")
        return data

    def array(self, number, form, count=None):
        size = struct.calcsize(form)
        data = self.bytes(number, None if count is None else size * count)
        return struct.unpack(f"<{len(data) // size}{form}", data)

    def starts(self, number, count, end):
        """count + 1 ascending positions up to the end of what they are in."""
        starts = self.array(number, "I", count + 1)
        expect(starts[0] == 0 and list(starts) == sorted(starts) and starts[-1] == end, f"starts {number}")
        return starts


# Formats/segment.md, rows.md, postings.md, dead.md

class Segment:
    def __init__(self, directory, manifest, record):
        ordinal, self.first, documents, dead, dead_file, places = record
        files = [Container(directory, manifest.files[place]) for place in places[:2]]
        self.blocks_file, self.summary_file = blocks, summary = files
        c = Cursor(blocks.bytes(1, 64), "segment")
        self.documents, self.components, self.weights = c.next("I"), c.next("I"), c.next("B")
        self.wide, self.compression, _, self.blocks = c.next("B"), c.next("B"), c.next("B"), c.next("I")
        self.entries, self.postings, self.windows, self.fields = *(c.next(f) for f in "QQI"), manifest.fields
        expect(self.documents == documents and self.weights == manifest.weights, "the facts of the segment")
        expect(self.wide == (self.components > 65536), "width of components")
        d, n = self.documents, self.components
        self.component = blocks.array(2, "I", n)
        self.rows, self.fine = blocks.bytes(4), blocks.bytes(6)
        self.width = {FLOAT16: 1, FLOAT32: 4, UINT8: 0}[self.weights]
        self.row_starts = blocks.starts(5, d, len(self.rows) // 8)
        self.fine_starts = blocks.array(7, "I", d + 1)
        expect(self.fine_starts[-1] * 8 * self.width == len(self.fine), "the length of fine weights")
        self.steps = blocks.array(8, "f", n if self.weights == UINT8 else 0)
        self.insertions = blocks.array(9, "I", d)
        expect(len(set(self.insertions)) == d and min(self.insertions, default=0) == 0, "each insertion once, from 0")
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
        self.dense = Dense(dense, d, manifest.dense, expect) if dense else None
        expect(len(self.dead) == dead and all(o < d for o in self.dead), "the number of dead documents")

    def row(self, data, starts, number):
        """(component, code) of each entry, and the shift."""
        row = data[8 * starts[number]:8 * starts[number + 1]]
        expect(len(row) >= 4, "a row without a header")
        entries, shift = struct.unpack("<HB", row[:3])
        groups = entries // 8
        expect(entries % 8 == 0 and shift <= 24 and 4 + groups + 2 * entries <= len(row), "a malformed row")
        control, codes = row[4:4 + groups], row[4 + groups:4 + groups + entries]
        at, component, out = 4 + groups + entries, 0, []
        for e in range(entries):
            size = 1 + (control[e // 8] >> e % 8 & 1)
            expect(at + size <= len(row), "gaps that run past the row")
            component += int.from_bytes(row[at:at + size], "little")
            at += size
            out.append((component, codes[e]))
        expect(not any(row[at:]) and len(row) - at < 8, "the end of a row")
        return out, shift

    def vector(self, ordinal):
        """(local component, stored weight), ascending."""
        entries, shift = self.row(self.rows, self.row_starts, ordinal)
        expect(8 * (self.fine_starts[ordinal + 1] - self.fine_starts[ordinal]) == len(entries), "fine starts")
        out = []
        for e, (local, code) in enumerate(entries):
            at = (8 * self.fine_starts[ordinal] + e) * self.width
            if self.weights == FLOAT16:
                weight = half(code << 7 | self.fine[at] & 127)
            elif self.weights == FLOAT32:
                weight = struct.unpack("<f", self.fine[at:at + 4])[0]
                expect(half(code << 7) <= weight, "a code above its weight")
            else:
                weight = f32(f32(code * self.steps[local]) * 2.0 ** shift) if code else 0
            if weight > 0:
                expect(local < self.components and (not out or local > out[-1][0]), "components in order")
                out.append((local, weight))
        return out

    def key(self, ordinal):
        key = self.key_bytes[self.key_starts[ordinal]:self.key_starts[ordinal + 1]]
        if key[:1] == b"\0" and 2 <= len(key) <= 256:
            return key[1:].decode()
        expect(key[:1] == b"\1" and len(key) == 9, "a key")
        return struct.unpack("<Q", key[1:])[0]

    def payload(self, ordinal):
        if 14 not in self.blocks_file.sections:
            return None
        block, offset, length = self.blocks_file.array(16, "I", 3 * self.documents)[3 * ordinal:3 * ordinal + 3]
        if block == NONE:
            return None
        start, packed, raw = struct.unpack("<QII", self.blocks_file.bytes(15)[16 * block:16 * block + 16])
        data = self.blocks_file.bytes(14)[start:start + packed]
        expect(len(data) == packed and offset + length <= raw, "a payload inside its block")
        if self.compression > 0:
            data = expand_zstd(data, raw) if self.compression == 1 else expand_lz4(data, raw)
        expect(len(data) == raw, "a block of payloads that does not unpack to its length")
        return data[offset:offset + length]

    def live(self):
        """Sequence numbers and ordinals of the live documents."""
        return [(self.first + i, o) for o, i in enumerate(self.insertions) if o not in self.dead]

    def name(self, local):
        return self.tokens[local] if self.tokens is not None else str(self.component[local])

    def check(self):
        keys, total, having = {}, 0, {}
        for ordinal in range(self.documents):
            vector = self.vector(ordinal)
            total += len(vector)
            for local, weight in vector:
                having.setdefault(local, {})[ordinal] = weight
            self.key(ordinal)
            key = self.key_bytes[self.key_starts[ordinal]:self.key_starts[ordinal + 1]]
            keys.setdefault(int.from_bytes(blake2s(key)[:8], "big"), []).append(ordinal)
            self.payload(ordinal)
        expect(total == self.entries, "the number of entries")
        blocks, summary = self.blocks_file, self.summary_file
        expect(list(blocks.array(12, "Q", self.documents)) == sorted(h for h in keys for _ in keys[h]), "key hashes")
        by_hash = [ordinal for key_hash in sorted(keys) for ordinal in keys[key_hash]]
        expect(list(blocks.array(13, "I", self.documents)) == by_hash, "key ordinals")
        self.check_lookup()
        check_fields(self, expect)
        lists = summary.starts(32, self.components, self.blocks)
        maxima, flags = summary.array(33, "f", self.components), summary.bytes(34, self.components)
        starts = summary.starts(35, self.blocks, len(blocks.bytes(20)))
        tables = self.summaries(summary)
        postings = 0
        for local in range(self.components):
            documents = having.get(local, {})
            expect(maxima[local] == max(documents.values(), default=0), "list maxima")
            found = set()
            for block in range(lists[local], lists[local + 1]):
                ordinals = self.block(blocks.bytes(20)[starts[block]:starts[block + 1]])
                expect(found.isdisjoint(ordinals) and documents.keys() >= set(ordinals), "the documents of a block")
                found.update(ordinals)
            summarised = [summary for table in tables[local] for summary in table]
            expect(len(summarised) == lists[local + 1] - lists[local], "a summary for each block of a list")
            expect(all(local in summary for summary in summarised), "the list's component in each of its summaries")
            expect(flags[local] in (0, 1) and (self.windows or flags[local] == 0 or found == documents.keys()), "flags")
            postings += len(found)
        listed = check_impacts(self, having, expect) if self.windows else postings
        expect(listed == self.postings, "the number of postings")

    def summaries(self, file):
        """By local component, its tables: by block, {component: value}."""
        data, words = file.bytes(36), len(file.bytes(37)) // 4
        starts = file.starts(37, words - 1, len(data) // 8)
        lists = file.starts(39, self.components, words - 1)
        tables = [self.table(data[8 * a:8 * b]) for a, b in zip(starts, starts[1:])]
        return [tables[a:b] for a, b in zip(lists, lists[1:])]

    def table(self, data):
        c, shift = Cursor(data, "a table of summaries"), 16 if self.wide else 8
        blocks, base, _, entries = c.next("H"), c.next("B"), c.next("B"), c.next("I")
        expect(1 <= blocks <= 256 and entries <= 32767, "the size of a table")
        buckets = [c.next("H") for _ in range((self.components + (1 << shift) - 1 >> shift) + 1)]
        expect(buckets[0] == 0 and buckets == sorted(buckets) and buckets[-1] == entries, "buckets of a table")
        lows = [c.next("H" if self.wide else "B") for _ in range(entries)]
        places = [c.next("B") for _ in range(entries)]
        if blocks > 16:
            packed = c.take((entries + 1) // 2)
            levels = [packed[i // 2] >> 4 * (i & 1) & 15 for i in range(entries)]
        else:
            levels, places = [place >> 4 for place in places], [place & 15 for place in places]
        expect(len(data) - c.at < 8 and not any(data[c.at:]), "the end of a table")
        out, before = [{} for _ in range(blocks)], (-1, 0)
        for bucket, (first, end) in enumerate(zip(buckets, buckets[1:])):
            for i in range(first, end):
                entry = ((bucket << shift) + lows[i], places[i])
                expect(before < entry and entry[0] < self.components and entry[1] < blocks, "entries of a table")
                out[entry[1]][entry[0]] = half(min(255, base + 2 * levels[i]) << 7)
                before = entry
        return out

    def block(self, data):
        expect(len(data) >= 6 and data[0] >= 1 and 1 <= data[1] <= 4, "a posting block")
        expect(len(data) == 6 + (data[0] - 1) * data[1], "the length of a posting block")
        ordinals = [struct.unpack("<I", data[2:6])[0]]
        for at in range(6, len(data), data[1]):
            ordinals.append(ordinals[-1] + int.from_bytes(data[at:at + data[1]], "little"))
        expect(ordinals == sorted(set(ordinals)) and ordinals[-1] < self.documents, "ordinals of a block")
        return ordinals

    def check_lookup(self):
        codec, words = self.blocks_file.sections[3][1], self.blocks_file.array(3, "I")
        n, locals_ = self.components, {c: local for local, c in enumerate(self.component)}
        if codec == 1:
            expect(all(local == locals_.get(c, NONE) for c, local in enumerate(words)), "component lookup")
            expect(all(c < len(words) for c in self.component), "component lookup")
        else:
            expect(codec == 2 and len(words) == 2 * n and list(words[:n]) == sorted(locals_), "component lookup")
            expect(all(words[n + i] == locals_[words[i]] for i in range(n)), "component lookup")
        if self.tokens is not None:
            order = self.blocks_file.array(19, "I", n)
            ordered = [self.tokens[local].encode() for local in order]
            expect(ordered == sorted(token.encode() for token in self.tokens), "token order")


# What people see

def show(manifest, segments):
    print(f"{manifest.name}: index {manifest.index.hex()}, written by {manifest.version}")
    for s in segments:
        print(f"segment: {s.documents} documents, {len(s.dead)} dead, {s.components} components, {s.blocks} blocks")
        for file in (s.blocks_file, s.summary_file):
            print(f"  {file.name}: {len(file.data)} bytes")
            for section, (name, codec, data, elements) in file.sections.items():
                print(f"    {section:3} {name:18} codec {codec}  {len(data):12} bytes  {elements:12} elements")


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
            live = [segment.key(o) for segment in segments for _, o in segment.live()]
            expect(len(set(map(repr, live))) == len(live), "each key of a live document once")
            for segment in segments:
                segment.check()
            print(f"sound: generation {manifest.generation}, {len(live)} live documents")
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
