"""The clipboard's picture on X11, where Blender reads nothing but text (its Wayland part does).

By the system's own library, as Blender has no part of it that Python could call.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import sys
import time
from typing import Any

# Programs that own the clipboard answer within milliseconds; one that hangs is not waited for.
SECONDS_OF_SILENCE = 0.5
SECONDS_BETWEEN_LOOKS = 0.002
MOST_BYTES = 256 * 2**20

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PROPERTY_CHANGES = 1 << 22
PROPERTY_NOTIFY, SELECTION_NOTIFY = 28, 31
NEW_VALUE = 0
ANY_TYPE = 0
BITS_OF_A_BYTE, BITS_OF_A_LONG = 8, 32


class _SelectionEvent(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("sent", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("requestor", ctypes.c_ulong),
        ("selection", ctypes.c_ulong),
        ("target", ctypes.c_ulong),
        ("property", ctypes.c_ulong),
        ("time", ctypes.c_ulong),
    )


class _PropertyEvent(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("sent", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("atom", ctypes.c_ulong),
        ("time", ctypes.c_ulong),
        ("state", ctypes.c_int),
    )


class _Event(ctypes.Union):
    _fields_ = (
        ("type", ctypes.c_int),
        ("selection", _SelectionEvent),
        ("property", _PropertyEvent),
        ("whole", ctypes.c_long * 24),
    )


_IGNORE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(lambda *_: 0)

# Who answers late answers to a window that has to be there still: else Xlib would end the program
# that answers, which may be this one.
_reader: _Reader | None = None


def read_png() -> bytes | None:
    """The picture in the clipboard as a PNG file; None without X11, or without a picture."""
    global _reader
    if _reader is None:
        _reader = _open_reader()
    content = _reader.read_safely("CLIPBOARD", "image/png") if _reader is not None else None
    # Some programs answer with a text whatever they are asked for.
    return content if content is not None and content.startswith(PNG_SIGNATURE) else None


def _open_reader() -> _Reader | None:
    """A connection of our own to the screen, None where there is no X11."""
    if not sys.platform.startswith("linux") or not os.environ.get("DISPLAY"):
        return None
    name = ctypes.util.find_library("X11")
    if name is None:
        return None
    library = ctypes.CDLL(name)
    library.XOpenDisplay.restype = ctypes.c_void_p
    for function in (
        "XInternAtom", "XDefaultRootWindow", "XCreateSimpleWindow", "XGetSelectionOwner",
    ):  # fmt: skip
        getattr(library, function).restype = ctypes.c_ulong
    library.XSetErrorHandler.restype = ctypes.c_void_p
    display = ctypes.c_void_p(library.XOpenDisplay(None))
    return _Reader(library, display) if display else None


class _Reader:
    """Asks the owner of a selection for it, by a window that nobody sees."""

    def __init__(self, library: Any, display: ctypes.c_void_p) -> None:
        self._library, self._display = library, display
        root = ctypes.c_ulong(library.XDefaultRootWindow(display))
        self._window = ctypes.c_ulong(
            library.XCreateSimpleWindow(display, root, 0, 0, 1, 1, 0, *[ctypes.c_ulong(0)] * 2)
        )
        library.XSelectInput(display, self._window, ctypes.c_long(PROPERTY_CHANGES))
        self._place = self._atom("ONET_SELECTION")

    def read_safely(self, selection: str, target: str) -> bytes | None:
        """`read`; an owner that goes meanwhile is no reason for Xlib to end this program."""
        before = ctypes.c_void_p(self._library.XSetErrorHandler(_IGNORE))
        try:
            return self.read(selection, target)
        finally:
            self._library.XSync(self._display, 0)
            self._library.XSetErrorHandler(before)

    def read(self, selection: str, target: str) -> bytes | None:
        """What the selection holds, in that form; None where it has nothing like it."""
        owner = self._library.XGetSelectionOwner(self._display, self._atom(selection))
        # This very program has nothing but texts, and could not answer while it waits.
        if not owner or self._number(owner, "_NET_WM_PID") == os.getpid():
            return None
        while self._library.XPending(self._display):  # answers that came too late
            self._library.XNextEvent(self._display, ctypes.byref(_Event()))
        self._library.XConvertSelection(
            self._display, self._atom(selection), self._atom(target), self._place, self._window,
            ctypes.c_ulong(0),
        )  # fmt: skip
        event = self._next(SELECTION_NOTIFY)
        if event is None or not event.selection.property:
            return None
        kind, content = self._take()
        if kind != self._atom("INCR").value:
            return content or None
        # Much of it comes in parts, an empty one last; each is sent once the one before is taken.
        parts: list[bytes] = []
        while sum(len(part) for part in parts) < MOST_BYTES:
            event = self._next(PROPERTY_NOTIFY)
            if event is None:
                return None
            if event.property.atom != self._place.value or event.property.state != NEW_VALUE:
                continue
            _, part = self._take()
            if not part:
                return b"".join(parts) or None
            parts.append(part)
        return None

    def _atom(self, name: str) -> ctypes.c_ulong:
        return ctypes.c_ulong(self._library.XInternAtom(self._display, name.encode(), 0))

    def _next(self, kind: int) -> _Event | None:
        """The next event of a kind, None where it does not come."""
        event, start = _Event(), time.monotonic()
        while time.monotonic() - start < SECONDS_OF_SILENCE:
            # Also sends what has been asked for.
            if not self._library.XPending(self._display):
                time.sleep(SECONDS_BETWEEN_LOOKS)
                continue
            self._library.XNextEvent(self._display, ctypes.byref(event))
            if event.type == kind:
                return event
        return None

    def _number(self, window: int, name: str) -> int | None:
        """A window's property that is a number."""
        _, form, content = self._property(ctypes.c_ulong(window), self._atom(name), delete=False)
        return content[0] if form == BITS_OF_A_LONG and len(content) else None

    def _take(self) -> tuple[int, bytes]:
        """Type and content of what was delivered, which is thereby asked to go on."""
        kind, form, content = self._property(self._window, self._place, delete=True)
        return kind, bytes(content) if form == BITS_OF_A_BYTE else b""

    def _property(
        self, window: ctypes.c_ulong, name: ctypes.c_ulong, delete: bool
    ) -> tuple[int, int, Any]:
        """Its type, the bits of its items, and these."""
        kind, form, count, left = (ctypes.c_ulong(), ctypes.c_int(), ctypes.c_ulong(),
                                   ctypes.c_ulong())  # fmt: skip
        data = ctypes.c_void_p()
        self._library.XGetWindowProperty(
            self._display, window, name, ctypes.c_long(0), ctypes.c_long(MOST_BYTES // 4),
            int(delete), ctypes.c_ulong(ANY_TYPE), ctypes.byref(kind), ctypes.byref(form),
            ctypes.byref(count), ctypes.byref(left), ctypes.byref(data),
        )  # fmt: skip
        content: Any = b""
        if data:
            if form.value == BITS_OF_A_BYTE:
                content = ctypes.string_at(data, count.value)
            elif form.value == BITS_OF_A_LONG:  # which Xlib hands out as its own long
                content = ctypes.cast(data, ctypes.POINTER(ctypes.c_ulong))[: count.value]
            self._library.XFree(data)
        return kind.value, form.value, content
