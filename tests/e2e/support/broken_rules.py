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


# Of each type: its name, whether it is of streams or of the link, flags and sizes that it has not.
_STREAM, _LINK, _BOTH = range(3)
_TYPES = {
    frames.OPEN: ('open', _STREAM, (0x02,), (0, 8, 8 + 8193)),  # Without a request, and with one that is too long.
    frames.ACCEPT: ('accept', _STREAM, (0x01,), (0, 7, 9)),
    frames.REJECT: ('reject', _STREAM, (0x01,), (0, 1, 2 + 1025)),
    frames.DATA: ('data', _STREAM, (0x02, 0x81), (0, frames.PAYLOAD_MAX + 1, 65535)),
    frames.FINISH: ('finish', _STREAM, (0x01,), (0, 7, 9)),
    frames.RESET: ('reset', _STREAM, (0x01,), (0, 1, 2 + 1025)),
    frames.CREDIT: ('credit', _STREAM, (0x80,), (0, 8, 15, 17)),
    frames.PING: ('ping', _LINK, (0x02,), (0, 7, 9)),
    frames.GOAWAY: ('goaway', _LINK, (0x01,), (0, 1, 2 + 1025)),
    frames.CONTROL: ('control', _BOTH, (0x01,), (0, 8193)),
    frames.ACK: ('ack', _LINK, (0x01,), (0, 7, 9)),
}


def _headers_that_lie(stream):
    """The rules that a header alone breaks: its bytes are all that is sent."""
    for kind in (0, 12, 0x20, 255):
        yield f'type {kind}', frame(kind, stream, b'x'), frames.PROTOCOL_ERROR, 'unknown frame type'
    for kind, (name, place, flags, sizes) in _TYPES.items():
        good, bad = (0, stream) if place == _LINK else (stream, 0)
        size = {frames.CREDIT: 16, frames.OPEN: 10}.get(kind, 8)
        for flag in flags:
            yield (f'flag {flag:#x} of {name}', frame(kind, good, size=size, flags=flag), frames.PROTOCOL_ERROR,
                   'flags that')
        for wrong in sizes:
            yield (f'{wrong} bytes of {name}', frame(kind, good, size=wrong), frames.PROTOCOL_ERROR,
                   'payload size|larger than')
        if place != _BOTH:
            yield f'{name} on stream {bad}', frame(kind, bad, size=size), frames.PROTOCOL_ERROR, 'on this stream'


def before_the_answer(stream):
    """What nobody sends on a stream that is not accepted, but for what both said may be early."""
    for name, kind, payload in (('data', frames.DATA, b'x'), ('a finish', frames.FINISH, u64(0)),
                                ('credit', frames.CREDIT, u64(0, 1 << 20)),
                                ('a control', frames.CONTROL, b'{"type":"notice","text":"x"}')):
        yield (f'{name} before the answer', frame(kind, stream, payload), frames.PROTOCOL_ERROR,
               "before the stream's accept|not accepted yet")


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
        *_headers_that_lie(stream),
        ('data of nothing', frame(frames.DATA, unused, b'x'), protocol, 'never opened'),
        ('a reset of nothing', frame(frames.RESET, unused, b'\0\0'), protocol, 'never opened'),
        ('a finish of nothing', frame(frames.FINISH, unused, u64(0)), protocol, 'never opened'),
        ('a reject of nothing', frame(frames.REJECT, unused, b'\0\0'), protocol, 'never opened|reject|answer'),
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
        ('a second finish', finish(10) + finish(10), protocol, 'finish'),
        ('data behind a finish', finish(10) + frame(frames.DATA, stream, b'x'), protocol, 'finish'),
        ('data beyond the limit', frame(frames.DATA, stream, bytes(16000)) * 1200, flow, 'limit'),
    ]
    if dialled:  # Who has dialled may pass it over.
        rules.append(('a second hello', _control(json.dumps(HELLO | {'role': 'client'}).encode()), protocol,
                      'second hello'))
    if stream % 2 == own:
        opened = frame(frames.OPEN, stream + 2, LIMIT + b'{"type":"exec","arguments":["cat"]}')
        rules += [(name, opened + data, code, why) for name, data, code, why in before_the_answer(stream + 2)]
        rules += [
            ('the same stream twice', frame(frames.OPEN, stream, LIMIT + b'{}'), protocol,
             'used stream id|does not grow'),
            ('a stream out of order', frame(frames.OPEN, 0xfffffff0 + own, LIMIT + b'{}')
             + frame(frames.OPEN, stream + 2, LIMIT + b'{}'), protocol, 'used stream id|does not grow'),
        ]
    if resumes:
        rules += [
            ('an ack of what was never sent', frame(frames.ACK, 0, u64(1 << 40)), protocol, 'never sent'),
            ('an ack beyond 2^63', frame(frames.ACK, 0, u64(MOST)), protocol, 'never sent'),
        ]
    else:
        rules.append(('an ack where nothing resumes', frame(frames.ACK, 0, u64(0)), protocol, 'does not resume'))
    return rules
