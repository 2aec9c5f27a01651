"""Reads verification vectors: a part of reader.py, written from dense.md and dense-values.md alone."""
import math
import struct

from reading.support import expect, f32

NONE = 0xFFFFFFFF
SIZES = {1: 4, 2: 2, 3: 2, 4: 1}  # bytes of a value by element: float32, float16, bfloat16, int8


def read_dense_schema(data):
    """(element, metric, dimensions); None for an index without dense vectors."""
    element, metric, dimensions = struct.unpack("<BBH", data)
    if (element, metric, dimensions) == (0, 0, 0):
        return None
    expect(element in SIZES and metric in (1, 2, 3) and 1 <= dimensions <= 8192, "the schema's dense vectors")
    return element, metric, dimensions


class Dense:
    """The `.dense` files of a segment, in the order of the manifest."""

    def __init__(self, files, documents, schema):
        expect(schema is not None, "dense vectors in an index without them")
        self.element, _, self.dimensions = schema
        values = (self.dimensions * SIZES[self.element] + 3) // 4 * 4
        used = values + (4 if self.element == 4 else 0)
        self.stride = used if used <= 4096 else (used + 63) // 64 * 64
        self.on_page, self.scale_at = 4096 // self.stride, values
        self.rows, places = [], None
        for file in files:
            count, owners, dimensions, stride, element, metric, zero, norm, end = struct.unpack(
                "<IIIIBBHfQ", file.bytes(64, 32))
            expect((element, metric, dimensions) == schema and stride == self.stride, f"{file.name}: facts")
            expect(norm >= 0, f"{file.name}: a largest length of {norm}")
            data = file.bytes(65, self.offset(count - 1) + self.stride if count else 0)
            own = [data[self.offset(row):self.offset(row) + self.stride] for row in range(count)]
            self.rows += own
            for number, row in enumerate(own):
                values = self.values(row)
                expect(all(map(math.isfinite, values)), f"{file.name}: row {number} has a value that is not finite")
                length = math.sqrt(sum(v * v for v in values))
                expect(length <= norm * (1 + 1e-6), f"{file.name}: row {number} is longer than {norm}")
            places = list(file.array(66, "I", owners)) if owners else None
        if places is None:
            expect(len(files) == 1 and len(self.rows) == documents, "row numbers that are not ordinals")
            places = list(range(documents))
        expect(len(places) == documents, "places of another segment")
        owner = {}
        for ordinal, place in enumerate(places):
            if place != NONE:
                expect(place < len(self.rows), f"document {ordinal} has place {place} of {len(self.rows)} rows")
                expect(place not in owner, f"documents {owner.get(place)} and {ordinal} have place {place}")
                owner[place] = ordinal
        self.places = places

    def offset(self, row):
        return row // self.on_page * 4096 + row % self.on_page * self.stride if self.on_page else row * self.stride

    def values(self, row):
        n = self.dimensions
        if self.element == 1:
            return struct.unpack(f"<{n}f", row[:4 * n])
        if self.element == 2:
            return struct.unpack(f"<{n}e", row[:2 * n])
        if self.element == 3:
            return [struct.unpack("<f", b"\0\0" + row[2 * i:2 * i + 2])[0] for i in range(n)]
        scale = struct.unpack("<f", row[self.scale_at:self.scale_at + 4])[0]
        expect(0 <= scale < math.inf, f"a scale of {scale}")
        return [f32(code * scale) for code in struct.unpack(f"<{n}b", row[:n])]

    def vector(self, ordinal):
        place = self.places[ordinal]
        return None if place == NONE else self.values(self.rows[place])
