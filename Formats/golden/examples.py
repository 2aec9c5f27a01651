#!/usr/bin/env python3
"""The worked examples of the pages (the folder above): bytes of golden indexes, explained one after the other.

    examples.py check     compares every example with its golden index, and that the indexes have every section
    examples.py update    writes the bytes that the indexes have now, and names the lines that are others

An example is a fenced block whose head names the bytes, `hex INDEX FILE PART`, and whose lines are `offset: bytes  #
meaning`. FILE is `manifest`, the newest one, or `blocks.0`, `dead.1` and so on, the files of a kind numbered in the
order of that manifest. PART is what offsets count from: a section by its name or number, `table`, `footer`, or nothing
for the beginning of the file. Exit codes: 0 all agree, 1 some do not, 64 usage.
"""

import functools
import os
import re
import struct
import sys

GOLDEN = os.path.dirname(os.path.abspath(__file__))
FORMATS = os.path.dirname(GOLDEN)
sys.path.insert(0, FORMATS)

from reader import KINDS, Container, Damaged, Manifest  # noqa: E402

# Each of them specifies bytes, and has an example.
PAGES = ["container", "manifest", "segment", "rows", "summaries", "fields", "postings", "impacts", "dead", "dense"]
HEAD = re.compile(r"```hex (?P<index>[\w-]+) (?P<file>manifest|[a-z]+\.\d+)(?: (?P<part>[a-z ]+|\d+))?$")
LINE = re.compile(r"(?P<offset>\d+): (?P<bytes>[0-9a-f]{2}(?: [0-9a-f]{2})*)(?P<meaning> +# \S.*)$")


def directory(index):
    return os.path.join(GOLDEN, index)


@functools.lru_cache(maxsize=None)
def containers(index):
    """The data files of the newest generation, by kind."""
    manifest, found = Manifest(directory(index)), {}
    for record in manifest.files:
        found.setdefault(KINDS[record[1]], []).append(Container(directory(index), record))
    return manifest, found


def bytes_of(index, file, part):
    """The bytes from the beginning of a part on."""
    manifest, files = containers(index)
    if file == "manifest":
        with open(os.path.join(directory(index), manifest.name), "rb") as stream:
            return stream.read()
    kind, number = file.split(".")
    container = files[kind][int(number)]
    if part in (None, "footer"):
        return container.data[-64:] if part else container.data
    if part == "table":
        return container.data[struct.unpack("<Q", container.data[-64:-56])[0]:]
    return next(data for number, (name, _, data, _) in container.sections.items() if part in (name, str(number)))


class Example:
    """A block of a page: where it stands, and what its lines say."""

    def __init__(self, page, number, head):
        self.page, self.number, self.head = page, number, head
        self.lines = []

    def compare(self):
        """(number of the line, the line as it should be) for each line that says something else."""
        found, end = bytes_of(self.head["index"], self.head["file"], self.head["part"]), 0
        for number, text, match in self.lines:
            offset, count = int(match["offset"]), len(match["bytes"].split())
            if offset < end or offset + count > len(found):
                raise Damaged(f"{self.page}.md:{number}: bytes out of order, or beyond the part")
            end = offset + count
            right = f"{offset}: {found[offset:end].hex(' ')}{match['meaning']}"
            if right != text:
                yield number, right


def path_of(page):
    return os.path.join(FORMATS, page + ".md")


def read_examples(page):
    """The examples of a page, and its lines."""
    with open(path_of(page), encoding="utf-8") as file:
        lines = file.read().split("\n")
    examples, inside = [], None
    for number, text in enumerate(lines, 1):
        if text.startswith("```hex"):
            head = HEAD.fullmatch(text)
            if head is None:
                raise Damaged(f"{page}.md:{number}: a head that names no bytes")
            inside = Example(page, number, head)
            examples.append(inside)
        elif text.startswith("```"):
            inside = None
        elif inside is not None:
            match = LINE.fullmatch(text)
            if match is None:
                raise Damaged(f"{page}.md:{number}: no line of an example")
            inside.lines.append((number, text, match))
    if not examples or not all(example.lines for example in examples):
        raise Damaged(f"{page}.md: no example, or one without lines")
    return examples, lines


def check_sections():
    """That the golden indexes have every section of the pages between them."""
    wanted, found = {}, set()
    for page in PAGES:
        with open(path_of(page), encoding="utf-8") as file:
            wanted.update(re.findall(r"^\| (\d+)(?: \+ 4 f)? \| `([\w ]+)` \|", file.read(), re.M))
    for index in sorted(os.listdir(os.path.join(GOLDEN))):
        # One that is packed has nothing that the others lack.
        if os.path.isdir(directory(index)) and not any(n.endswith(".zst") for n in os.listdir(directory(index))):
            for files in containers(index)[1].values():
                found.update(str(number) for file in files for number in file.sections)
    missing = [f"{number} `{name}`" for number, name in wanted.items() if number not in found]
    if missing:
        raise Damaged(f"no golden index has section {', '.join(missing)}")
    return len(wanted)


def main(arguments):
    if arguments not in (["check"], ["update"]):
        return print(__doc__, file=sys.stderr) or 64
    changed, count = 0, 0
    try:
        for page in PAGES:
            examples, lines = read_examples(page)
            count += len(examples)
            for number, right in (found for example in examples for found in example.compare()):
                print(f"{page}.md:{number}: {lines[number - 1]}\n    should be {right}", file=sys.stderr)
                lines[number - 1], changed = right, changed + 1
            if arguments == ["update"]:
                with open(path_of(page), "w", encoding="utf-8") as file:
                    file.write("\n".join(lines))
        sections = check_sections()
    except (Damaged, KeyError, IndexError, StopIteration, OSError) as error:
        print(f"examples: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(f"{count} examples of {len(PAGES)} pages, {sections} sections; {changed} lines differ")
    return 1 if changed and arguments == ["check"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
