"""What the segments of an index must say alike, or of documents once: manifest.md, segment.md."""

import struct

from reading.support import expect


def check_agreement(segments):
    """Names and steps of components, sequence numbers and keys of live documents."""
    check_names(segments)
    check_steps(segments)
    numbers, keys = {}, {}
    for segment in segments:
        for number, ordinal in segment.live():
            where, key = f"{segment.what}, document {ordinal}", repr(segment.key(ordinal))
            expect(number not in numbers, f"sequence number {number} of {where} and of {numbers.get(number)}")
            expect(key not in keys, f"the key {key} of {where} and of {keys.get(key)}")
            numbers[number] = keys[key] = where


def check_names(segments):
    """Either all segments that have components name them, or none does, and all say the same."""
    token_of, component_of, named = {}, {}, None
    for segment in (segment for segment in segments if segment.components > 0):
        has_tokens = segment.tokens is not None
        expect(named in (None, has_tokens), f"{segment.what}: tokens in some segments and not in others")
        named = has_tokens
        for component, token in zip(segment.component, segment.tokens or ()):
            known, owner = token_of.setdefault(component, token), component_of.setdefault(token, component)
            expect(known == token, f"{segment.what}: component {component} is {token!r}, and {known!r} before")
            expect(owner == component, f"{segment.what}: {token!r} is component {component}, and {owner} before")


def check_steps(segments):
    step_of = {}
    for segment in segments:
        for component, step in zip(segment.component, segment.steps):
            known = step_of.setdefault(component, step)
            expect(known == step, f"{segment.what}: the step of component {component} is {step}, and {known} before")


def is_normal(step):
    """Whether a float32 is a normal number above 0."""
    exponent = struct.unpack("<I", struct.pack("<f", step))[0] >> 23
    return 0 < exponent < 255
