"""Impact-ordered posting lists of `reader.py`: impacts.md."""

import struct

WINDOW = 65536


def level(weight):
    """The level of a stored weight: of the float16 nearest to it, the largest one at most."""
    return struct.unpack("<H", struct.pack("<e", min(weight, 65504.0)))[0] >> 8


def read_list(words, expect):
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


def check_impacts(segment, having, expect):
    """Compares all lists with the rows; returns the number of postings."""
    windows, components = segment.windows, segment.components
    expect(windows == -(-segment.documents // WINDOW) and segment.blocks == 0, "windows")
    data = segment.blocks_file.bytes(21)
    words = struct.unpack(f"<{len(data) // 2}H", data)
    starts = segment.summary_file.starts(40, components * windows, len(words))
    flags, postings = segment.summary_file.bytes(34), 0
    for local in range(components):
        found = {}
        for window in range(windows):
            number = local * windows + window
            for run_level, documents in read_list(words[starts[number]:starts[number + 1]], expect):
                found.update((WINDOW * window + document, run_level) for document in documents)
        rows = having.get(local, {})
        expect(all(o in rows and level(rows[o]) == run_level for o, run_level in found.items()), "postings of a list")
        expect(flags[local] == 0 or found.keys() == rows.keys(), "flags of lists")
        postings += len(found)
    return postings
