"""Posting blocks and block summaries of `reader.py`: postings.md, summaries.md, and the calibration (segment.md)."""

import struct

from reading.impacts import check_impacts
from reading.support import Cursor, expect, half


def check_lists(segment, having):
    """Compares lists of either kind with the rows: by local component, the weight of each document that has it."""
    blocks, summary = segment.blocks_file, segment.summary_file
    lists = summary.starts(32, segment.components, segment.blocks)
    maxima, flags = summary.array(33, "f", segment.components), summary.bytes(34, segment.components)
    starts = summary.starts(35, segment.blocks, len(blocks.bytes(20)))
    tables = read_tables(segment, summary)
    postings = 0
    for local in range(segment.components):
        documents, what = having.get(local, {}), f"the list of local component {local}"
        expect(maxima[local] == max(documents.values(), default=0), f"{what}: its maximum")
        found = set()
        for block in range(lists[local], lists[local + 1]):
            ordinals = read_block(segment, blocks.bytes(20)[starts[block]:starts[block + 1]], f"block {block}")
            expect(found.isdisjoint(ordinals), f"{what}: a document in two blocks")
            expect(documents.keys() >= set(ordinals), f"{what}: a document that lacks the component in block {block}")
            found.update(ordinals)
        summarised = [summary for table in tables[local] for summary in table]
        expect(len(summarised) == lists[local + 1] - lists[local], f"{what}: a summary for each block")
        expect(all(local in summary for summary in summarised), f"{what}: the component in each of its summaries")
        expect(flags[local] in (0, 1), f"{what}: its flag")
        expect(segment.windows or flags[local] == 0 or found == documents.keys(), f"{what}: its flag says too much")
        postings += len(found)
    listed = check_impacts(segment, having) if segment.windows else postings
    expect(listed == segment.postings, f"{listed} postings where the facts say {segment.postings}")


def read_block(segment, data, what):
    """The ordinals of a posting block."""
    expect(len(data) >= 6 and data[0] >= 1 and 1 <= data[1] <= 4, f"{what}: no posting block")
    expect(len(data) == 6 + (data[0] - 1) * data[1], f"{what}: its length")
    ordinals = [struct.unpack("<I", data[2:6])[0]]
    for at in range(6, len(data), data[1]):
        ordinals.append(ordinals[-1] + int.from_bytes(data[at:at + data[1]], "little"))
    expect(ordinals == sorted(set(ordinals)) and ordinals[-1] < segment.documents, f"{what}: its ordinals")
    return ordinals


def read_tables(segment, file):
    """By local component, its tables: by block, {component: value}."""
    data, words = file.bytes(36), len(file.bytes(37)) // 4
    starts = file.starts(37, words - 1, len(data) // 8)
    lists = file.starts(39, segment.components, words - 1)
    tables = [read_table(segment, data[8 * a:8 * b], f"table {number}")
              for number, (a, b) in enumerate(zip(starts, starts[1:]))]
    return [tables[a:b] for a, b in zip(lists, lists[1:])]


def read_table(segment, data, what):
    c, shift = Cursor(data, what), 16 if segment.wide else 8
    blocks, base, _, entries = c.next("H"), c.next("B"), c.next("B"), c.next("I")
    expect(1 <= blocks <= 256 and entries <= 32767, f"{what}: its size")
    buckets = [c.next("H") for _ in range((segment.components + (1 << shift) - 1 >> shift) + 1)]
    expect(buckets[0] == 0 and buckets == sorted(buckets) and buckets[-1] == entries, f"{what}: its buckets")
    lows = [c.next("H" if segment.wide else "B") for _ in range(entries)]
    places = [c.next("B") for _ in range(entries)]
    if blocks > 16:
        packed = c.take((entries + 1) // 2)
        levels = [packed[i // 2] >> 4 * (i & 1) & 15 for i in range(entries)]
    else:
        levels, places = [place >> 4 for place in places], [place & 15 for place in places]
    expect(len(data) - c.at < 8 and not any(data[c.at:]), f"{what}: its end")
    out, before = [{} for _ in range(blocks)], (-1, 0)
    for bucket, (first, end) in enumerate(zip(buckets, buckets[1:])):
        for i in range(first, end):
            entry = ((bucket << shift) + lows[i], places[i])
            expect(before < entry and entry[0] < segment.components and entry[1] < blocks, f"{what}: entry {i}")
            out[entry[1]][entry[0]] = half(min(255, base + 2 * levels[i]) << 7)
            before = entry
    return out


def check_calibration(file):
    """Recalls ascend, and each row's numbers are in their ranges."""
    numbers, before = file.array(38, "f") if 38 in file.sections else (), 0
    expect(len(numbers) % 4 == 0, "calibration: a part of a row")
    for at in range(0, len(numbers), 4):
        recall, reading, factor, measured = numbers[at:at + 4]
        expect(before < recall <= 1, f"calibration: recall {recall} behind {before}")
        expect(0 <= reading <= 1 and 0 <= factor <= 10 and 0 <= measured <= 1, f"calibration: the row of {recall}")
        before = recall
