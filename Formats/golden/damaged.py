#!/usr/bin/env python3
"""Copies of golden indexes that break one rule of the pages each, all checksums mended: the reader refuses every one.

    damaged.py             what is wrong, and where, stands in what `reader.py check` says of each
    damaged.py GRANARY     also has that program refuse each (`verify --full`), but what the pages say that it passes

It writes containers and manifests itself, from the pages. The same indexes, written anew without damage, pass both.
Exit codes: 0 all as it should be, 1 not.
"""

import os
import re
import struct
import subprocess
import sys
import tempfile

from examples import bytes_of, containers
from reader import END_MAGIC, KINDS, MANIFEST_END, MANIFEST_MAGIC, NONE, Damaged, Manifest, Segment, blake2s, check
from reading.support import crc32c



def padded(data, unit):
    return data + bytes(-len(data) % unit)


class File:
    """A data file whose sections can be replaced."""

    def __init__(self, header, sections, kind, identifier):
        self.header, self.kind, self.identifier = header[:8] + bytes([kind]) + header[9:32], kind, identifier
        self.sections = {number: (name, codec, bytearray(data), elements)
                         for number, (name, codec, data, elements) in sections.items()}

    def write(self, directory):
        """Writes the file; returns what the manifest says of it."""
        head = padded(self.header + self.identifier, 60)
        out, table, sums = bytearray(head + struct.pack("<I", crc32c(head))), [], b""
        shift = 12 if self.kind == 3 else 16
        for number, (name, codec, data, elements) in self.sections.items():
            out = padded(out + bytes(64 if table else 0), 4096)
            table.append([number, codec, shift, 0, len(out), len(data), elements, len(sums), name.encode()])
            for at in range(0, len(data), 1 << shift):
                sums += struct.pack("<I", crc32c(data[at:at + (1 << shift)]))
            out += data
        out = padded(out + bytes(64), 64)
        for entry in table:
            entry[7] += len(out)
        tail = padded(sums, 64) + b"".join(struct.pack("<IHBBQQQQ24s", *entry) for entry in table)
        root, length = blake2s(bytes(out[:64]), tail), len(out) + len(tail) + 64
        foot = struct.pack("<QIIQ16s12x", length - 64 - 64 * len(table), len(table), 0, length, root)
        with open(os.path.join(directory, f"{self.identifier.hex()}.{KINDS[self.kind]}"), "wb") as file:
            file.write(out + tail + foot + struct.pack("<I", crc32c(foot)) + END_MAGIC)
        return self.identifier, self.kind, length, root


class Copy:
    """A golden index in memory: `files` by names like `blocks.0`, `segments` as lists of what the manifest says."""

    def __init__(self, index):
        self.manifest, self.raw = containers(index)[0], bytes_of(index, "manifest", None)
        self.files, self.names, counts = {}, [], {}
        for record in self.manifest.files:
            kind = KINDS[record[1]]
            self.names.append(f"{kind}.{counts.get(kind, 0)}")
            container = containers(index)[1][kind][counts.get(kind, 0)]
            self.files[self.names[-1]] = File(container.data, container.sections, record[1], record[0])
            counts[kind] = counts.get(kind, 0) + 1
        self.next_sequence, self.next_ordinal = self.manifest.next_sequence, self.manifest.next_ordinal
        self.segments = [list(segment) for segment in self.manifest.segments]

    def put(self, file, section, offset, form, *values):
        """Writes numbers over a part of a section."""
        struct.pack_into("<" + form, self.files[file].sections[section][2], offset, *values)

    def replace(self, file, section, data):
        name, codec, _, elements = self.files[file].sections[section]
        self.files[file].sections[section] = (name, codec, bytearray(data), elements)

    def add(self, name, file):
        self.files[name] = file
        self.names.append(name)
        return len(self.names) - 1

    def twice(self):
        """Adds the first segment once more, as `blocks.x` and `summary.x`: without lists, and all of it dead."""
        ordinal, first, last, documents = self.segments[0][:4]
        places, shift = [], self.next_sequence - first
        for place in self.segments[0][6][:2]:
            old = self.files[self.names[place]]
            file = File(old.header, old.sections, old.kind, bytes([place + 1]) * 16)
            places.append(self.add(KINDS[old.kind] + ".x", file))
        components = len(self.files["blocks.x"].sections[2][2]) // 4
        self.put("blocks.x", 1, 12, "I", 0)
        self.put("blocks.x", 1, 24, "QI", 0, 0)
        for file, section, data in [("blocks.x", 20, b""), ("summary.x", 32, bytes(4 * components + 4)),
                                    ("summary.x", 34, bytes(components)), ("summary.x", 35, bytes(4)),
                                    ("summary.x", 36, b""), ("summary.x", 37, bytes(4)),
                                    ("summary.x", 39, bytes(4 * components + 4))]:
            self.replace(file, section, data)
        bits = ((1 << documents) - 1).to_bytes((documents + 63) // 64 * 8, "little")
        dead = File(old.header, {48: ("dead", 0, bits, documents)}, 4, bytes([255]) * 16)
        self.segments.append([self.next_ordinal, first + shift, last + shift, documents, documents,
                              self.add("dead.x", dead), places])
        self.next_sequence, self.next_ordinal = last + shift + 1 + documents, self.next_ordinal + 1

    def write(self, directory):
        """Writes the index as the files of a directory."""
        records = [self.files[name].write(directory) for name in self.names]
        schema = 92 + len(self.manifest.version.encode())
        data = MANIFEST_MAGIC + self.raw[8:72] + struct.pack("<QQ", self.next_sequence, self.next_ordinal)
        data += self.raw[88:schema + 4 + struct.unpack("<I", self.raw[schema:schema + 4])[0]]
        data += struct.pack("<I", len(records)) + b"".join(struct.pack("<16sQQ16s", *record) for record in records)
        data += struct.pack("<I", len(self.segments))
        for *numbers, places in self.segments:
            data += struct.pack(f"<QQQIIII{len(places)}I", *numbers, len(places), *places)
        data += struct.pack("<I", len(self.manifest.user_data)) + self.manifest.user_data
        data += struct.pack("<Q", len(data) + 32)
        with open(os.path.join(directory, self.manifest.name), "wb") as file:
            file.write(data + blake2s(data) + MANIFEST_END)


def second(change):
    """A change of an index that has its first segment twice."""
    def changed(copy):
        copy.twice()
        change(copy)
    return changed


def put(file, section, offset, form, *values):
    return lambda copy: copy.put(file, section, offset, form, *values)


def replace(file, section, data):
    return lambda copy: copy.replace(file, section, data)


def both(*changes):
    def changed(copy):
        for change in changes:
            change(copy)
    return changed


def segment(place, number, value):
    """A change of what the manifest says of a segment."""
    def changed(copy):
        copy.segments[place][number] = value
    return changed


def without(file, *sections):
    def changed(copy):
        for section in sections:
            del copy.files[file].sections[section]
    return changed


def alive(copy):
    """No document of the second segment is dead."""
    copy.segments[-1][4:6] = [0, NONE]
    copy.names.remove("dead.x")


def same_name(copy):
    """The second segment's component 1, `oil`, becomes component 3."""
    copy.put("blocks.x", 2, 4, "I", 3)
    copy.replace("blocks.x", 3, struct.pack("<4I", 0, NONE, 2, 1))


def two_names(copy):
    """Of one segment, `crisis` and `oil` become `oil`, in an order that a search for it takes."""
    copy.replace("blocks.0", 17, b"oiloilprice")
    copy.replace("blocks.0", 18, struct.pack("<4I", 0, 3, 6, 11))


def other_step(copy):
    """In the second segment the weight of code 1 is 2 where it is 1 in the first, and the largest weight follows."""
    step, = struct.unpack_from("<f", copy.files["blocks.x"].sections[8][2])
    most, = struct.unpack_from("<f", copy.files["summary.x"].sections[33][2])
    copy.put("blocks.x", 8, 0, "f", 2 * step)
    copy.put("summary.x", 33, 0, "f", 2 * most)


INFINITY, NAN = float("inf"), float("nan")
SEVERAL = "tokens in some segments and not in others"
# An index, what is done to it, and what the reader says then.
CASES = [
    # manifest.md, segment.md: insertions.
    ("deletes", put("blocks.0", 9, 20, "I", 7), r"segment 0: insertions: 7 is beyond the last, which is 6"),
    ("one-document", put("blocks.0", 9, 0, "I", 1), r"segment 0: insertions: each once, from 0"),
    ("deletes", segment(1, 1, 6), r"sequence number 6 of segment 1, document 0 and of segment 0, document 5"),
    # segment.md: steps.
    *(("uint8", put("blocks.0", 8, 4, "f", step), r"segment 2: the step of local component 1 is no normal number")
      for step in (0, -1, 2.0 ** -127, INFINITY, NAN)),
    ("uint8", second(other_step), r"segment 3: the step of component \d+ is 2.0, and 1.0 before"),
    # segment.md: components and tokens.
    ("one-document", two_names, r"segment 0: tokens: 'oil' of local components 0 and 1"),
    ("one-document", second(put("blocks.x", 17, 8, "B", 0x6b)), r"segment 1: component 1 is 'oik', and 'oil' before"),
    ("one-document", second(same_name), r"segment 1: 'oil' is component 3, and 1 before"),
    ("one-document", second(without("blocks.x", 17, 18, 19)), "segment 1: " + SEVERAL),
    ("one-document", second(without("blocks.0", 17, 18, 19)), "segment 1: " + SEVERAL),
    ("one-document", put("blocks.0", 2, 4, "I", 0), r"segment 0: components: one of them twice"),
    ("one-document", put("blocks.0", 3, 4, "I", 2), r"segment 0: component lookup"),
    # dense.md: values.
    ("float16", put("dense.0", 65, 4, "f", INFINITY), r"\.dense: row 0 has a value that is not finite"),
    ("float32", put("dense.0", 65, 2, "H", 0x7c00), r"\.dense: row 0 has a value that is not finite"),
    ("fields", put("dense.0", 65, 0, "H", 0x7fc0), r"\.dense: row 0 has a value that is not finite"),
    ("uint8", put("dense.0", 65, 8, "f", NAN), r"a scale of nan"),
    ("uint8", put("dense.0", 65, 8, "f", -0.5), r"a scale of -0.5"),
    ("uint8", put("dense.0", 65, 8, "f", 1e38), r"\.dense: row 0 has a value that is not finite"),
    ("shared-dense", put("dense.3", 66, 4, "I", 2), r"segment 2: documents 1 and 2 have place 2"),
    ("shared-dense", put("dense.3", 66, 4, "I", 14), r"segment 2: document 1 has place 14 of 14 rows"),
    ("shared-dense", put("dense.0", 64, 20, "f", 1), r"\.dense: row 0 is longer than 1.0"),
    # fields.md: values.
    ("fields", put("blocks.0", 264, 0, "Q", 0), r"segment 0: value 0 of field price is none of its kind"),
    ("fields", put("blocks.0", 264, 32, "Q", (1 << 63) - 1), r"segment 0: value 4 of field price is none of its kind"),
    ("fields", put("blocks.0", 268, 8, "Q", 2), r"segment 0: value 1 of field draft is none of its kind"),
    ("fields", put("blocks.0", 256, 0, "B", 0xff), r"segment 0: value 1 of field language is none of its kind"),
    ("fields", put("blocks.0", 268, 0, "Q", 1), r"segment 0: values of field draft do not ascend"),
    ("fields", put("blocks.0", 259, 4, "I", 1), r"segment 0: documents of a value of field language"),
    ("fields", put("blocks.0", 259, 0, "I", 9), r"segment 0: documents of a value of field language"),
    # rows.md.
    ("one-document", put("blocks.0", 4, 2, "B", 1), r"segment 0: document 0: a shift of 1"),
    ("one-document", put("blocks.0", 4, 5, "B", 0xff), r"segment 0: document 0: entry 0: a weight of nan"),
    ("one-document", put("blocks.0", 4, 14, "B", 0), r"segment 0: document 0: entry 1: components in order"),
    ("float32", put("blocks.0", 6, 0, "f", -1), r"segment 0: document 0: a code \d+ of another weight"),
    ("one-document", put("blocks.0", 1, 16, "Q", 4), r"segment 0: 3 entries where the facts say 4"),
    # postings.md, summaries.md, impacts.md.
    ("float32", put("blocks.0", 20, 26, "I", 16), r"local component \d+: a document that lacks .* in block 4"),
    ("float32", put("blocks.0", 20, 26, "IBB", 7, 10, 9), r"local component 0: a document in two blocks"),
    ("float32", put("blocks.0", 20, 24, "B", 0), r"segment 0: block 4: no posting block"),
    ("float32", put("summary.0", 36, 2293, "B", 12), r"segment 0: table 38: entry 2"),
    ("float32", put("summary.0", 36, 2302, "B", 0xc2), r"segment 0: table 38: entry 4"),
    ("float32", put("blocks.0", 1, 24, "Q", 1), r"segment 0: \d+ postings where the facts say 1"),
    ("float16", put("blocks.0", 21, 338, "H", 67), r"segment 0: .* local component 7: the level of document 16"),
    ("float16", put("blocks.0", 21, 350, "H", 40), r"segment 0: .* local component 7: documents of a run"),
    ("deletes", put("summary.0", 34, 0, "B", 1), r"segment 0: the list of local component 0: its flag says too much"),
    # segment.md: keys, lookup of what the segment lacks, order of tokens, payloads.
    ("deletes", put("blocks.0", 12, 0, "B", 0), r"segment 0: key hashes"),
    ("deletes", put("blocks.0", 13, 0, "I", 0), r"segment 0: key ordinals"),
    ("deletes", put("blocks.0", 10, 0, "B", 2), r"segment 0: document 0: a key"),
    ("one-document", second(alive), r"the key \S+ of segment 1, document 0 and of segment 0, document 0"),
    ("deletes", put("blocks.0", 3, 0, "I", 0), r"segment 0: component lookup"),
    ("one-document", put("blocks.0", 19, 0, "II", 1, 0), r"segment 0: token order"),
    ("one-document", put("blocks.0", 16, 0, "I", 1), r"segment 0: document 0: a payload in block 1, which"),
    ("one-document", put("blocks.0", 16, 8, "I", 28), r"segment 0: document 0: a payload inside its block"),
    # dead.md, manifest.md.
    ("deletes", put("dead.0", 48, 0, "B", 0x47), r"segment 0: the number of dead documents"),
    ("deletes", segment(2, 2, 15), r"MANIFEST-\w+: segment 2: sequence numbers 14 to 15"),
    ("deletes", segment(2, 0, 3), r"MANIFEST-\w+: segment 3: its ordinal reaches the next one's"),
    ("deletes", segment(2, 0, 1), r"MANIFEST-\w+: segment 1 twice"),
    ("deletes", segment(2, 6, [7, 6]), r"MANIFEST-\w+: segment 2: places of its files"),
    ("deletes", segment(2, 6, [0, 1]), r"MANIFEST-\w+: files that are in no segment, or in two"),
    ("deletes", segment(0, 4, 7), r"MANIFEST-\w+: segment 0: 7 of 6 documents are dead"),
    # segment.md: calibration, maxima.
    ("float16", put("summary.0", 38, 0, "f", 1.5), r"segment 0: calibration: recall 1.5"),
    ("one-document", put("summary.0", 33, 0, "f", 9), r"segment 0: the list of local component 0: its maximum"),
]


def verdict(directory):
    """What the reader says; nothing of a sound index."""
    try:
        manifest = Manifest(directory)
        check([Segment(directory, manifest, record) for record in manifest.segments])
    except Damaged as error:
        return str(error)
    return ""


def main(granary):
    faults = 0
    sound = [(index, change, "$") for index in sorted({case[0] for case in CASES}) for change in (both(), Copy.twice)
             if change is not Copy.twice or index in ("uint8", "one-document")]
    for number, (index, change, expected) in enumerate(sound + CASES):
        with tempfile.TemporaryDirectory() as directory:
            copy = Copy(index)
            change(copy)
            copy.write(directory)
            found = verdict(directory)
            if not re.search(expected, found) or (expected == "$") != (found == ""):
                print(f"case {number}, {index}: expected {expected!r}, found {found!r}", file=sys.stderr)
                faults += 1
            for program in granary:
                command = [program, "verify", "--full", "--index", directory]
                done = subprocess.run(command, capture_output=True, text=True)
                if (done.returncode == 0) != (expected == "$"):
                    print(f"case {number}, {index}, {expected!r}: {done.stdout}{done.stderr}", file=sys.stderr)
                    faults += 1
    print(f"{len(CASES)} damaged copies of golden indexes, {len(sound)} sound ones; {faults} are taken for the other")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
