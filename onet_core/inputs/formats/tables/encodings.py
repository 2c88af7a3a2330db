"""Text of unknown encoding: UTF-8, UTF-16 and UTF-32 with or without a mark, Windows-1252."""

from __future__ import annotations

import codecs

from ....errors import InputError

_MARKS = (
    # Those of UTF-32 first: one of them begins like UTF-16's.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LOOKED_AT = 4096


def decode_text(content: bytes, name: str) -> str:
    """The text of a file; InputError, with `name`, where it is none.

    Bytes that fit no encoding become replacement characters: they are in comments and names.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    # Some programs fill the last block of a file.
    filled = content.rstrip(b"\0")
    content = filled if len(filled) + 4 <= len(content) else content
    head = content[:_LOOKED_AT]
    if b"\0" in head:
        # Every second byte of plain text in UTF-16 is zero.
        for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
            high, low = head[first::2], head[1 - first :: 2]
            if high.count(0) > 0.7 * len(high) and low.count(0) < 0.1 * max(1, len(low)):
                return content.decode(encoding, errors="replace")
        raise InputError("{name} is not a text file.", name=name)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")
