"""Another program on the screen: drags a file onto a window.

offer.py FILE X Y

By the system's Xlib, by the protocol XDND, version 5. It ends with 0 once the window under X, Y has
taken the file, with 1 where it does not. Standard library only.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import sys
import time
from collections.abc import Iterator
from pathlib import Path

SECONDS_OF_PATIENCE = 20.0
SECONDS_BETWEEN_MOVES = 0.1
MOVES = 10
VERSION = 5
SELECTION_REQUEST, SELECTION_NOTIFY, CLIENT_MESSAGE = 30, 31, 33
REPLACE, ATOM_TYPE = 0, 4
LONGS_OF_AN_EVENT = 24

x = ctypes.CDLL(ctypes.util.find_library("X11"))
x.XOpenDisplay.restype = ctypes.c_void_p
for name in ("XInternAtom", "XDefaultRootWindow", "XCreateSimpleWindow"):
    getattr(x, name).restype = ctypes.c_ulong
display = ctypes.c_void_p(x.XOpenDisplay(None))
root = x.XDefaultRootWindow(display)
NOTHING = ctypes.c_ulong(0)
own = x.XCreateSimpleWindow(display, ctypes.c_ulong(root), 0, 0, 1, 1, 0, NOTHING, NOTHING)


def atom(name: str) -> int:
    return int(x.XInternAtom(display, name.encode(), 0))


class Event:
    """An XEvent; its fields lie at multiples of a long's size, which is all that is needed here."""

    def __init__(self) -> None:
        self.longs = (ctypes.c_long * LONGS_OF_AN_EVENT)()

    @property
    def type(self) -> int:
        return ctypes.cast(self.longs, ctypes.POINTER(ctypes.c_int))[0]

    @type.setter
    def type(self, value: int) -> None:
        ctypes.cast(self.longs, ctypes.POINTER(ctypes.c_int))[0] = value

    def send(self, window: int) -> None:
        x.XSendEvent(display, ctypes.c_ulong(window), 0, ctypes.c_long(0), self.longs)
        x.XFlush(display)


def events(seconds: float) -> Iterator[Event]:
    """What comes within that time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not x.XPending(display):
            time.sleep(0.005)
            continue
        event = Event()
        x.XNextEvent(display, event.longs)
        yield event


def own_selection(selection: str) -> None:
    x.XSetSelectionOwner(display, ctypes.c_ulong(atom(selection)), ctypes.c_ulong(own), NOTHING)
    x.XFlush(display)


def serve(request: Event, form: str, content: bytes) -> None:
    """Answers a SelectionRequest: display, owner, requestor, selection, target, property, time."""
    requestor, selection, target, place, when = request.longs[5:10]
    answer = Event()
    answer.type = SELECTION_NOTIFY
    if target == atom(form):
        x.XChangeProperty(
            display, ctypes.c_ulong(requestor), ctypes.c_ulong(place), ctypes.c_ulong(target), 8,
            REPLACE, content, len(content),
        )  # fmt: skip
    elif target == atom("TARGETS"):
        forms = (ctypes.c_ulong * 2)(target, atom(form))
        x.XChangeProperty(
            display, ctypes.c_ulong(requestor), ctypes.c_ulong(place), ctypes.c_ulong(ATOM_TYPE),
            32, REPLACE, forms, 2,
        )  # fmt: skip
    else:
        place = 0
    answer.longs[4:9] = [requestor, selection, target, place, when]
    answer.send(requestor)


def message(window: int, name: str, *values: int) -> None:
    """A ClientMessage of five longs, the first of which is this window."""
    event = Event()
    event.type = CLIENT_MESSAGE
    event.longs[4], event.longs[5], event.longs[6] = window, atom(name), 32
    event.longs[7 : 8 + len(values)] = [own, *values]
    event.send(window)


def window_at(right: int, down: int) -> int:
    """The topmost window there that takes drops."""
    found, place = ctypes.c_ulong(root), (ctypes.c_int(), ctypes.c_int())
    while True:
        child = ctypes.c_ulong()
        x.XTranslateCoordinates(
            display, ctypes.c_ulong(root), found, right, down, *map(ctypes.byref, place),
            ctypes.byref(child),
        )  # fmt: skip
        if not child.value:
            return int(found.value)
        found = child
        if takes_drops(found.value):
            return int(found.value)


def takes_drops(window: int) -> bool:
    kind, form, count, left = (ctypes.c_ulong(), ctypes.c_int(), ctypes.c_ulong(), ctypes.c_ulong())
    data = ctypes.c_void_p()
    x.XGetWindowProperty(
        display, ctypes.c_ulong(window), ctypes.c_ulong(atom("XdndAware")), ctypes.c_long(0),
        ctypes.c_long(1), 0, NOTHING, *map(ctypes.byref, (kind, form, count, left, data)),
    )  # fmt: skip
    return bool(count.value)


def drop(path: Path, right: int, down: int) -> int:
    """Drags the file over the window at this place and lets go; 0 where the window took it."""
    target, content = window_at(right, down), f"file://{path}\r\n".encode()

    def answered(name: str) -> bool:
        for event in events(SECONDS_OF_PATIENCE):
            if event.type == SELECTION_REQUEST:
                serve(event, "text/uri-list", content)
            elif event.type == CLIENT_MESSAGE and event.longs[5] == atom(name):
                return True
        return False

    own_selection("XdndSelection")
    message(target, "XdndEnter", VERSION << 24, atom("text/uri-list"), 0, 0)
    for _ in range(MOVES):
        message(target, "XdndPosition", 0, right << 16 | down, 0, atom("XdndActionCopy"))
        if not answered("XdndStatus"):
            return 1
        time.sleep(SECONDS_BETWEEN_MOVES)
    message(target, "XdndDrop", 0, 0, 0, 0)
    return 0 if answered("XdndFinished") else 1


if __name__ == "__main__":
    sys.exit(drop(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
