"""The canonical form of plain texts, and their fingerprints, written anew from ARCHITECTURE.md.

Plain is what a catalogue of these tests holds: letters and digits of ASCII, spaces, hyphens between words, quotes around the whole,
`. , ; :` behind it. Any other text raises `NotPlain`: better no answer than one that only looks independent.
"""

import functools
import re

import xxh3

PLAIN = re.compile(r"""^['"]?[A-Za-z0-9][A-Za-z0-9 -]*[.,;:]*['"]?[.,;:]*$""")
GAP = re.compile(r"[ -]+")
ARTICLE = re.compile(r"^(a|an|the) (?=.)")


class NotPlain(ValueError):
    """The rules here do not cover this text."""


@functools.lru_cache(maxsize=None)
def key(text):
    if not PLAIN.match(text) or re.search(r"-\d|\d-|(?i:\b(?:a|an|the))-|- | -|-$", text):
        raise NotPlain(repr(text))
    form = text.lower()
    while True:
        before = form
        form = form.strip(" ").rstrip(".,;:").strip("'\"")
        form = GAP.sub(" ", form)
        form = ARTICLE.sub("", form)
        if form == before:
            return form


@functools.lru_cache(maxsize=None)
def fingerprint(text):
    return xxh3.hash128(key(text).encode())
