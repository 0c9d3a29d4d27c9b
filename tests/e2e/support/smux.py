"""smux version 1 by hand: its frames, and the client's side over a PluginClient, streams in the bytes of a
port session."""

import struct
import time

from support.processes import check

SYN, FIN, PSH, NOP = 0, 1, 2, 3


def frame(command, stream, data=b''):
    return struct.pack('<BBHI', 1, command, len(data), stream) + data


def take(data):
    """Takes the frames that are whole from the front of a bytearray: (command, stream, payload)."""
    frames = []
    while len(data) >= 8:
        version, command, size, stream = struct.unpack('<BBHI', data[:8])
        check(version == 1 and command in (SYN, FIN, PSH, NOP), f'frame {version} {command}')
        if len(data) < 8 + size:
            break
        frames.append((command, stream, bytes(data[8:8 + size])))
        del data[:8 + size]
    return frames


class Stream:
    def __init__(self, number):
        self.id = number
        self.received = bytearray()
        self.is_finished = False  # By the machine.


class Smux:
    """Give it the client of a multiplexed session, and call pump() while waiting."""

    def __init__(self, client):
        self.client = client
        self.streams = {}
        self._last = 1
        self._waiting = bytearray()  # To be sent.

    def frame(self, command, stream, data=b''):
        self._waiting += frame(command, stream, data)

    def open(self):
        self._last += 2  # Real clients begin with 3.
        self.streams[self._last] = Stream(self._last)
        self.frame(SYN, self._last)
        return self.streams[self._last]

    def write(self, stream, data):
        for at in range(0, len(data), 32768):
            self.frame(PSH, stream.id, data[at:at + 32768])

    def finish(self, stream):
        self.frame(FIN, stream.id)

    def send(self, in_flight_max=256):
        """Sends what waits while not too much is unacknowledged."""
        while self._waiting and len(self.client.unacked) < in_flight_max:
            self.client.send(bytes(self._waiting[:1024]))
            del self._waiting[:1024]

    def read(self):
        """Takes the frames that are whole from the client's output."""
        data = self.client.output
        at = 0
        while len(data) - at >= 8:
            version, command, size, number = struct.unpack('<BBHI', data[at:at + 8])
            check(version == 1 and command in (SYN, FIN, PSH, NOP), f'frame {version} {command}')
            check(command in (FIN, PSH), f'a machine sends no frame {command}')
            if len(data) - at - 8 < size:
                break
            stream = self.streams.get(number)
            check(stream is not None, f'a frame of stream {number}')
            if command == FIN:
                stream.is_finished = True
            else:
                check(not stream.is_finished, 'data after FIN')
                stream.received += data[at + 8:at + 8 + size]
            at += 8 + size
        del data[:at]

    def pump(self, condition, seconds, what):
        def step():
            self.send()
            self.read()
            return condition()
        self.client.pump(step, seconds, what)

    def pump_for(self, seconds):
        end = time.monotonic() + seconds
        self.pump(lambda: time.monotonic() >= end, seconds + 5, 'time passes')
