"""Do many sessions of AWS clients live beside one another, and does nothing grow with their time?

Method: many clients by hand say something again and again: to a program that sends it back, or, each fourth, through
a port. Memory, descriptors and threads of relay and agent are noted after each round, are to be flat, and what the
sessions held is given back at their end. At full size (tools/test --long gateway) 500 of them for GATEWAY_SECONDS.
"""

import json
import os
import statistics
import time

from support import proc_facts
from support.growth import Growth
from support.plugin_client import PluginClient
from support.processes import check, wait_until
from support.smux import Smux
from support.targets import echo
from support.tcp_server import TcpServer

_LINE = 100
_BLOCK = os.urandom(8 << 10)  # Of a port's session, in each round.
_FEW = 8


class _Program:
    """A session with a program that sends back what it is sent."""

    def __init__(self, client):
        self.client = client.open_session('AWS-StartInteractiveCommand', {'command': 'stty -echo; echo ready; cat'})
        client.wait_for(b'ready')

    def talk(self, number):
        """Says something and hears it; returns the bytes, and how long the acknowledgement took."""
        text = f'round-{number:07}'.encode().ljust(_LINE, b'.')
        start = time.monotonic()
        self.client.send(text + b'\n')
        self.client.wait_acknowledged()
        delay = time.monotonic() - start
        self.client.wait_for(text)
        return 2 * len(text), delay

    def end(self):
        self.client.send(b'\x04')
        self.client.wait_closed()


class _Port:
    """A session with a connection to a server that sends back what it is sent."""

    def __init__(self, client, port):
        self.client = client.open_session('AWS-StartPortForwardingSession', {'portNumber': str(port)})
        self._lines = Smux(client)
        self._stream = self._lines.open()

    def talk(self, _number):
        received = self._stream.received
        self._lines.write(self._stream, _BLOCK)
        self._lines.send()
        start = time.monotonic()
        self.client.wait_acknowledged()
        delay = time.monotonic() - start
        self._lines.pump(lambda: len(received) >= len(_BLOCK), 30, 'the bytes are back')
        check(received == _BLOCK, 'other bytes came back')
        received.clear()
        return 2 * len(_BLOCK), delay

    def end(self):
        self._lines.finish(self._stream)
        self._lines.pump(lambda: self._stream.is_finished, 20, 'the connection is over')
        self.client.api.call('TerminateSession', {'SessionId': self.client.session['SessionId']})
        self.client.wait_closed()


def _open(stack, count, port):
    node = stack.node_id()
    sessions = []
    for number in range(count):
        client = PluginClient(stack, node_id=node)
        sessions.append(_Port(client, port) if number % 4 == 3 else _Program(client))
        if number % 50 == 49:
            # Who waits for the others answers the relay's pings meanwhile.
            for session in sessions:
                session.client.catch_up()
    return sessions


def test_many_sessions(t):
    """Sessions that each say something again and again: all are heard, and neither relay nor agent grows"""
    stack = t.own_stack()
    programs = {'relay': stack.relay, 'agent': stack.agent}
    held_before = {name: proc_facts.descriptor_count(process.pid) for name, process in programs.items()}
    count = t.size(24, 500)
    seconds = int(os.environ.get('GATEWAY_SECONDS', '600')) if t.full else 3
    pause = t.size(0.1, 5)
    growth, delays, moved = Growth(), [], 0
    with TcpServer(echo) as target:
        sessions = _open(stack, count, target.port)
        end = time.monotonic() + seconds
        while time.monotonic() < end or len(growth.series) < 8:
            start_of_round = time.monotonic()
            for session in sessions:
                size, delay = session.talk(len(growth.series))
                moved += size
                delays.append(delay)
            growth.note(**programs)
            # As people do, each says something now and then.
            sessions[0].client.pump_for(max(0, start_of_round + pause - time.monotonic()))
        for name in ('relay', 'agent'):
            growth.check_flat(name)
        for session in sessions:
            session.end()
    for name, process in programs.items():
        wait_until(lambda: proc_facts.descriptor_count(process.pid) <= held_before[name] + _FEW, 20,
                   f'{name} gives the descriptors of {count} sessions back, of which it had {held_before[name]}')
    t.note('figures ' + json.dumps({
        'io': t.io, 'sessions': count, 'seconds': seconds, 'rounds': len(growth.series), 'bytes': moved,
        'acknowledged_ms': {'median': round(statistics.median(delays) * 1000, 1),
                            'p99': round(sorted(delays)[len(delays) * 99 // 100] * 1000, 1),
                            'longest': round(max(delays) * 1000)},
        'second_and_last_quarter': {name: growth.medians(name) for name in ('relay', 'agent')}}))


test_many_sessions.limit = 120
