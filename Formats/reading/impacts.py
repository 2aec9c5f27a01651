"""Impact-ordered posting lists of `reader.py`: impacts.md."""

import struct

from reading.support import expect, inside

WINDOW = 65536


def level(weight):
    """The level of a stored weight: of the float16 nearest to it, the largest one at most."""
    return struct.unpack("<H", struct.pack("<e", min(weight, 65504.0)))[0] >> 8


def read_list(words):
    """[(level, documents in the window)]."""
    if not words:
        return []
    runs, at, out = words[0], 1 + 2 * words[0], []
    expect(runs >= 1 and at <= len(words), "the runs of a list")
    for run in range(runs):
        run_level, count = words[1 + 2 * run], words[2 + 2 * run] + 1
        documents = words[at:at + count]
        at += count
        expect(run_level < (out[-1][0] if out else 128), "levels of a list")
        expect(len(documents) == count and list(documents) == sorted(set(documents)), "documents of a run")
        out.append((run_level, documents))
    expect(at == len(words), "the length of a list")
    return out


def check_impacts(segment, having):
    """Compares all lists with the rows; returns the number of postings."""
    windows, components = segment.windows, segment.components
    expect(windows == -(-segment.documents // WINDOW) and segment.blocks == 0, "windows")
    data = segment.blocks_file.bytes(21)
    words = struct.unpack(f"<{len(data) // 2}H", data)
    starts = segment.summary_file.starts(40, components * windows, len(words))
    flags, postings = segment.summary_file.bytes(34), 0
    for local in range(components):
        found, what = {}, f"the list of local component {local}"
        for window in range(windows):
            number = local * windows + window
            with inside(what):
                runs = read_list(words[starts[number]:starts[number + 1]])
            for run_level, documents in runs:
                for ordinal in (WINDOW * window + document for document in documents):
                    expect(ordinal not in found, f"{what}: document {ordinal} twice")
                    found[ordinal] = run_level
        rows = having.get(local, {})
        for ordinal, run_level in found.items():
            expect(ordinal in rows and level(rows[ordinal]) == run_level, f"{what}: the level of document {ordinal}")
        expect(flags[local] == 0 or found.keys() == rows.keys(), f"{what}: its flag says too much")
        postings += len(found)
    return postings
