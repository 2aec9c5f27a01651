"""The part of `reader.py` that reads fields: their declaration in the schema, and their values (fields.md)."""

import json
import math
import struct

from reading.support import expect

STRING, INTEGER, NUMBER, BOOLEAN = 1, 2, 3, 4


def read_fields(c):
    """Kind, name and path of each field, from the number of fields on."""
    fields = []
    for _ in range(c.next("H")):
        kind = c.next("B")
        name, path = (c.take(c.next("B")).decode() for _ in range(2))
        expect(kind in (STRING, INTEGER, NUMBER, BOOLEAN) and name and all(path.split(".")), "a field of the schema")
        fields.append((kind, name, path))
    expect(len(fields) <= 64 and len({name for _, name, _ in fields}) == len(fields), "the fields of the schema")
    expect(c.at == len(c.data), "the end of the schema")
    return fields


def check_fields(segment):
    """The columns of a segment, compared with what its payloads say."""
    file = segment.blocks_file
    numbers = {256 + 4 * f + part for f, field in enumerate(segment.fields) for part in range(4)
               if part != 1 or field[0] == STRING}
    expect({number for number in file.sections if 256 <= number < 512} == numbers, "the sections of fields")
    payloads = [parsed(segment.payload(ordinal)) for ordinal in range(segment.documents)]
    for f, (kind, name, path) in enumerate(segment.fields):
        wanted = {}
        for ordinal, payload in enumerate(payloads):
            for value in values(payload, path.split("."), kind):
                wanted.setdefault(key(value, kind), set()).add(ordinal)
        expect(file.sections[256 + 4 * f][1] == kind, f"kind of field {name}")
        found = keys(file, 256 + 4 * f, kind)
        for place, value in enumerate(found):
            expect(is_of_kind(value, kind), f"value {place} of field {name} is none of its kind: {value}")
        expect(all(a < b for a, b in zip(found, found[1:])), f"values of field {name} do not ascend")
        ordinals = file.array(259 + 4 * f, "I")
        runs = file.starts(258 + 4 * f, len(found), len(ordinals))
        expect(found == sorted(wanted), f"values of field {name} are not those of the payloads")
        for value, a, b in zip(found, runs, runs[1:]):
            expect(list(ordinals[a:b]) == sorted(wanted[value]), f"documents of a value of field {name}")


def keys(file, number, kind):
    data = file.bytes(number)
    if kind != STRING:
        return list(file.array(number, "Q"))
    starts = file.starts(number + 1, len(file.bytes(number + 1)) // 4 - 1, len(data))
    return [data[a:b] for a, b in zip(starts, starts[1:])]


def parsed(payload):
    """A payload as JSON; numbers without point and exponent stay integers."""
    try:
        value = json.loads(payload.decode(), parse_constant=lambda _: json.loads("!")) if payload else None
        # Half a surrogate pair is no text.
        json.dumps(value, ensure_ascii=False).encode()
        return value
    except (ValueError, RecursionError):
        return None


def values(value, path, kind):
    for member in path:
        if not isinstance(value, dict) or member not in value:
            return []
        value = value[member]
    found = [as_kind(element, kind) for element in (value if isinstance(value, list) else [value])]
    return [element for element in found if element is not None]


def as_kind(value, kind):
    """A value of a kind; None for what is none."""
    if kind == STRING:
        return value if isinstance(value, str) else None
    if kind == BOOLEAN:
        return value if isinstance(value, bool) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        whole, number = int(value) == value and int(value), float(value)
    except (OverflowError, ValueError):
        whole, number = value if isinstance(value, int) else False, float("inf")
    if kind == NUMBER:
        return number if abs(number) != float("inf") else None
    return whole if whole is not False and -1 << 63 <= whole < 1 << 63 else None


def key(value, kind):
    if kind == STRING:
        return value.encode()
    if kind == INTEGER:
        return value + (1 << 63)
    if kind == BOOLEAN:
        return int(value)
    bits = struct.unpack("<Q", struct.pack("<d", value + 0.0))[0]
    return bits ^ ((1 << 64) - 1 if bits >> 63 else 1 << 63)


def is_of_kind(value, kind):
    """Whether a key that a segment has is that of a value."""
    if kind == STRING:
        return len(value) <= 1024 and value.decode("utf-8", "replace").encode() == value
    if kind == NUMBER:
        bits = value ^ (1 << 63 if value >> 63 else (1 << 64) - 1)
        number = struct.unpack("<d", struct.pack("<Q", bits))[0]
        return math.isfinite(number) and key(number, kind) == value
    return kind == INTEGER or value <= 1
