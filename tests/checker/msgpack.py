"""A decoder of MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md), without extensions.

Maps become dicts, arrays become tuples (so that they can be compared and counted), texts that are not UTF-8 are an error.
"""

import struct


class Malformed(ValueError):
    """The bytes are not MessagePack."""


class Reader:
    """Values one after the other out of some bytes."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, count):
        end = self.at + count
        if end > len(self.data):
            raise Malformed(f"ends at {len(self.data)}, {end} is needed")
        piece = self.data[self.at:end]
        self.at = end
        return piece

    def number(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def at_end(self):
        return self.at == len(self.data)

    def value(self):
        tag = self.number(">B")
        if tag <= 0x7F:
            return tag
        if tag <= 0x8F:
            return self.map(tag & 0x0F)
        if tag <= 0x9F:
            return self.array(tag & 0x0F)
        if tag <= 0xBF:
            return self.text(tag & 0x1F)
        if tag >= 0xE0:
            return tag - 0x100
        return self.long(tag)

    def long(self, tag):
        constants = {0xC0: None, 0xC2: False, 0xC3: True}
        if tag in constants:
            return constants[tag]
        numbers = {
            0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q",
            0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q",
        }
        if tag in numbers:
            return self.number(numbers[tag])
        sized = {
            0xC4: (">B", self.take), 0xC5: (">H", self.take), 0xC6: (">I", self.take),
            0xD9: (">B", self.text), 0xDA: (">H", self.text), 0xDB: (">I", self.text),
            0xDC: (">H", self.array), 0xDD: (">I", self.array),
            0xDE: (">H", self.map), 0xDF: (">I", self.map),
        }
        if tag not in sized:
            raise Malformed(f"tag {tag:#x} at {self.at - 1}")
        form, read = sized[tag]
        return read(self.number(form))

    def text(self, count):
        return self.take(count).decode("utf-8")

    def array(self, count):
        return tuple(self.value() for _ in range(count))

    def map(self, count):
        return {self.value(): self.value() for _ in range(count)}


def decode(data):
    """The one value that the bytes are."""
    reader = Reader(data)
    value = reader.value()
    if not reader.at_end():
        raise Malformed(f"{len(data) - reader.at} bytes behind the end")
    return value
