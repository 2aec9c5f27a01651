"""What `reader.py` needs beside the pages: CRC-32C, float32, lz4, zstd; JSON lines and brute-force search.

Standard library only.
"""

import contextlib
import ctypes
import ctypes.util
import json
import math
import struct

try:
    import zstandard
except ImportError:
    zstandard = None


class Damaged(Exception):
    """The bytes are not what the pages say."""


def expect(condition, what):
    if not condition:
        raise Damaged(what)


@contextlib.contextmanager
def inside(where):
    """Says of what is wrong where it is."""
    try:
        yield
    except (Damaged, struct.error, UnicodeDecodeError) as error:
        raise Damaged(f"{where}: {error}") from error


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

    def counted(self, most):
        """Bytes behind their length, which has 32 bits."""
        count = self.next("I")
        expect(count <= most, f"{self.what}: {count} bytes where {most} are the most")
        return self.take(count)


def make_table():
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return table


TABLE = make_table()


def crc32c(data):
    """Castagnoli, reflected, start and end inverted."""
    crc, table = 0xFFFFFFFF, TABLE
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def expand_zstd(data, length):
    """One frame of zstd (RFC 8878) of a known length; other lengths come back as they are, for the caller to refuse."""
    if zstandard is not None:
        try:
            return zstandard.ZstdDecompressor().decompress(data, max_output_size=length) if length else b""
        except zstandard.ZstdError:
            return b""
    name = ctypes.util.find_library("zstd")
    if name is None:
        raise OSError("payloads in zstd need the module zstandard or the library libzstd")
    library = ctypes.CDLL(name)
    library.ZSTD_decompress.restype = ctypes.c_size_t
    library.ZSTD_decompress.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    library.ZSTD_isError.argtypes = [ctypes.c_size_t]
    out = ctypes.create_string_buffer(max(1, length))
    written = library.ZSTD_decompress(out, length, bytes(data), len(data))
    return b"" if library.ZSTD_isError(written) else out.raw[:written]


def expand_lz4(data, length):
    """A block of lz4 without a frame; what is none comes back with another length, for the caller to refuse."""
    try:
        return unpack_lz4(data, length)
    except IndexError:
        return b""


def unpack_lz4(data, length):
    out, at = bytearray(), 0

    def extended(value):
        nonlocal at
        if value == 15:
            while True:
                value += data[at]
                at += 1
                if data[at - 1] != 255:
                    break
        return value

    while at < len(data) and len(out) <= length:
        token = data[at]
        at += 1
        literals = extended(token >> 4)
        out += data[at:at + literals]
        at += literals
        if at >= len(data):
            break
        distance = data[at] | data[at + 1] << 8
        at += 2
        if not 0 < distance <= len(out):
            return b""
        for _ in range(extended(token & 15) + 4):
            out.append(out[-distance])
    return bytes(out)


def has_known_codec(number, codec):
    """Whether a section is encoded in a way of the pages. One that the pages do not have is passed over."""
    if number in (3, 14):
        return codec in ((1, 2) if number == 3 else (0, 1, 2))
    if 256 <= number < 512:
        return codec in (1, 2, 3, 4) if number % 4 == 0 else codec == 0
    return codec == 0 or not (1 <= number <= 21 or 32 <= number <= 40 or number == 48 or 64 <= number <= 66)


def f32(value):
    """The nearest float32, which is infinite beyond the largest one."""
    try:
        return struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)


def half(bits):
    return struct.unpack("<e", struct.pack("<H", bits))[0]


def quoted(text):
    short = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return '"' + "".join(short.get(c, c if c >= " " else f"\\u{ord(c):04x}") for c in text) + '"'


def number(weight):
    """The fewest digits that bring the same float32 back."""
    for digits in range(1, 10):
        text = f"{weight:.{digits}g}"
        if f32(float(text)) == weight:
            return repr(float(text))
    return repr(weight)


def json_value(data):
    """Bytes as they are where they are JSON, else as a string where they are UTF-8, else as numbers."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return "[" + ", ".join(str(byte) for byte in data) + "]"
    try:
        value = json.loads(text, parse_constant=lambda _: json.loads("!"))
        json.dumps(value, ensure_ascii=False).encode()
        return text.replace("\n", " ").replace("\r", " ")
    except (ValueError, RecursionError):
        return quoted(text)


def line(segment, ordinal):
    key, payload = segment.key(ordinal), segment.payload(ordinal)
    if segment.tokens is None:
        pairs = sorted((segment.component[local], weight) for local, weight in segment.vector(ordinal))
    else:
        pairs = sorted((segment.name(local), weight) for local, weight in segment.vector(ordinal))
    vector = ", ".join(f"{quoted(str(name))}: {number(weight)}" for name, weight in pairs)
    out = f'{{"id": {key if isinstance(key, int) else quoted(key)}, "vector": {{{vector}}}'
    dense = segment.dense.vector(ordinal) if segment.dense else None
    if dense is not None:
        out += f', "dense": [{", ".join(number(value) for value in dense)}]'
    return out + (f', "payload": {json_value(payload)}' if payload is not None else "") + "}"


def search(segments, k, terms):
    hits = []
    for segment in segments:
        named = {segment.name(local): local for local in range(segment.components)}
        wanted = sorted((segment.component[named[n]], named[n], f32(q)) for n, q in terms.items() if n in named)
        for _, ordinal in segment.live():
            stored, score = dict(segment.vector(ordinal)), 0.0
            # A product of two float32 is exact in 64 bits, and a sum rounded twice is rounded right.
            for _, local, weight in wanted:
                score = f32(score + f32(weight * stored.get(local, 0.0)))
            if score > 0:
                hits.append((-score, segment.first + segment.insertions[ordinal], str(segment.key(ordinal))))
    return [(key, -score) for score, _, key in sorted(hits)[:k]]
