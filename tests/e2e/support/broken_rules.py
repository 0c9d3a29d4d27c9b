"""Breaches of PROTOCOL.md that a link's other end must notice, whoever it is: one rule each."""

import json
import re
import struct

from support import frames
from support.frames import frame
from support.processes import Failure, check, check_equal

LIMIT = struct.pack('>Q', 1 << 20)
MOST = (1 << 64) - 1
TEXT = b'0123456789'  # What has gone both ways on the stream before a rule is broken.


def u64(*numbers):
    return struct.pack(f'>{len(numbers)}Q', *numbers)


def _control(text, stream=0):
    return frame(frames.CONTROL, stream, text)


HELLO = {'type': 'hello', 'version': 1, 'version_min': 1}


def hear_goaway(link, name, code, why, seconds=10):
    """The other end of `link` has noticed: its GOAWAY has this code, and a text that tells `why`. Then it closes."""
    try:
        got = link.wait_for(frames.GOAWAY, seconds=seconds)
    except Failure:
        got = None
    check(got, f'{name}: no goaway came')
    got_code, text = frames.code_of(got)
    check_equal(got_code, code, f'{name}: code ({text})')
    check(re.search(why, text), f'{name}: {text!r} does not say {why!r}')
    try:
        behind = link.receive(seconds)
    except Failure:
        check(False, f'{name}: the link is not closed')
    check(behind is None, f'{name}: behind the goaway came {behind}')


def hear_end(link, name, code, stream=None, seconds=10):
    """The stream at the far end of a link on which a rule was broken has ended, with the same code."""
    got = link.wait_for(frames.RESET, frames.REJECT, frames.GOAWAY, stream=stream, seconds=seconds)
    check(got and got.type == frames.RESET, f'{name}: the far end was told {got}')
    check_equal(frames.code_of(got)[0], code, f"{name}: the far end's code ({frames.code_of(got)[1]})")


def break_each_rule(t, new_link):
    """A client on a link of its own for each rule is heard until it breaks that one, and gets a goaway with it."""
    rules = broken_rules(1, dialled=True, resumes=True)
    for name, data, code, why in rules:
        with new_link() as link:
            link.open(1, {'type': 'exec', 'arguments': ['cat']})
            link.send(frame(frames.DATA, 1, TEXT))
            check_equal(link.wait_for(frames.DATA, frames.GOAWAY).payload, TEXT, 'the echo')
            link.send(data)
            hear_goaway(link, name, code, why)
    t.note(f'{len(rules)} rules')


def broken_rules(stream, dialled, resumes=False):
    """(name, bytes, close code, pattern of the text) of each, for a peer that has dialled, or not.
    `stream` is open, and TEXT was said on it both ways."""
    protocol, flow = frames.PROTOCOL_ERROR, frames.FLOW_CONTROL
    own = 1 if dialled else 0  # The parity of its ids.
    unused = stream + 40

    def credit(received, limit):
        return frame(frames.CREDIT, stream, u64(received, limit))

    def finish(offset):
        return frame(frames.FINISH, stream, u64(offset))

    rules = [
        ('type 0', frame(0, stream, b'x'), protocol, 'type'),
        ('type 255', frame(255, 0, b'x'), protocol, 'type'),
        ('a reserved type', frame(0x20, stream, b'x'), protocol, 'type'),
        ('a flag that credit has not', frame(frames.CREDIT, stream, u64(0, 0), flags=0x80), protocol, 'flag'),
        ('a flag that data has not', frame(frames.DATA, stream, b'x', flags=2), protocol, 'flag'),
        ('a frame of 65,535 bytes', frame(frames.DATA, stream, size=65535), protocol, 'bytes|size|large'),
        ('one byte too many', frame(frames.DATA, stream, size=frames.PAYLOAD_MAX + 1), protocol, 'bytes|size|large'),
        ('empty data', frame(frames.DATA, stream), protocol, 'bytes|size|empty|payload'),
        ('a short credit', frame(frames.CREDIT, stream, bytes(8)), protocol, 'bytes|size|payload'),
        ('a long ping', frame(frames.PING, 0, bytes(9)), protocol, 'bytes|size|payload'),
        ('a control of 8,193 bytes', frame(frames.CONTROL, 0, size=8193), protocol, 'bytes|size|large|payload'),
        ('data on the link', frame(frames.DATA, 0, b'x'), protocol, 'stream'),
        ('a ping on a stream', frame(frames.PING, stream, bytes(8)), protocol, 'stream'),
        ('a goaway on a stream', frame(frames.GOAWAY, stream, b'\0\0'), protocol, 'stream'),
        ('data of nothing', frame(frames.DATA, unused, b'x'), protocol, 'never opened'),
        ('a reset of nothing', frame(frames.RESET, unused, b'\0\0'), protocol, 'never opened'),
        ('credit for nothing', frame(frames.CREDIT, unused, u64(0, 1)), protocol, 'never opened'),
        ('a control for nothing', _control(b'{"type":"notice","text":"x"}', unused), protocol, 'never opened'),
        ('an accept of nothing', frame(frames.ACCEPT, unused, LIMIT), protocol, 'never opened|accept|answer'),
        ('a second answer', frame(frames.ACCEPT, stream, LIMIT), protocol, 'accept|answer'),
        ('a reject behind an answer', frame(frames.REJECT, stream, b'\0\0'), protocol, 'reject|answer'),
        ("an open of the other side's", frame(frames.OPEN, 101 - own, LIMIT + b'{}'), protocol,
         "other side's|only the relay"),
        ('received goes back', credit(10, 1 << 26) + credit(4, 1 << 26), protocol, 'went back'),
        ('the limit goes back', credit(10, 1 << 27) + credit(10, 1 << 26), protocol, 'went back'),
        ('received that was never sent', credit(11, 1 << 26), protocol, 'never sent'),
        ('received beyond 2^63', credit(1 << 63, MOST), protocol, 'never sent'),
        ('a limit that falls to nothing', credit(10, 0), protocol, 'went back|below'),
        ('a finish behind the data', finish(11), protocol, 'another offset|offset is not'),
        ('a finish before its data', finish(9), protocol, 'another offset|offset is not'),
        ('a finish at 2^64', finish(MOST), protocol, 'another offset|offset is not'),
        ('a second finish', finish(10) + finish(10), protocol, 'after a finish|second finish|finish'),
        ('data behind a finish', finish(10) + frame(frames.DATA, stream, b'x'), protocol, 'after a finish|second finish|finish'),
        ('data beyond the limit', frame(frames.DATA, stream, bytes(16000)) * 1200, flow, 'limit'),
    ]
    if dialled:  # Who has dialled may pass it over.
        rules.append(('a second hello', _control(json.dumps(HELLO | {'role': 'client'}).encode()), protocol,
                      'second hello'))
    if stream % 2 == own:
        rules += [
            ('the same stream twice', frame(frames.OPEN, stream, LIMIT + b'{}'), protocol, 'used stream id|does not grow'),
            ('a stream out of order', frame(frames.OPEN, 0xfffffff0 + own, LIMIT + b'{}')
             + frame(frames.OPEN, stream + 2, LIMIT + b'{}'), protocol, 'used stream id|does not grow'),
        ]
    if resumes:
        rules += [
            ('an ack of what was never sent', frame(frames.ACK, 0, u64(1 << 40)), protocol, 'never sent'),
            ('an ack beyond 2^63', frame(frames.ACK, 0, u64(MOST)), protocol, 'never sent'),
            ('a short ack', frame(frames.ACK, 0, bytes(4)), protocol, 'bytes|size|payload'),
            ('an ack on a stream', frame(frames.ACK, stream, u64(0)), protocol, 'stream'),
        ]
    return rules
