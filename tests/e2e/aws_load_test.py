"""Do many sessions of AWS clients live beside one another, and does the relay not grow with their time?

Method: many clients by hand, each with a program that sends back what it is sent.
"""

import statistics
import time

from support import proc_facts
from support.plugin_client import PluginClient
from support.processes import check

_GROWTH_MAX = 24 * 1024 * 1024


def test_many_sessions(t):
    """Sessions that each say something again and again: all are heard, and the relay's memory stays"""
    stack = t.own_stack()
    node = stack.node_id()
    count, seconds = t.size(40, 500), t.size(8, 600)
    pause = t.size(0.2, 5)
    clients = []
    for _ in range(count):
        client = PluginClient(stack, node_id=node)
        client.open_session('AWS-StartInteractiveCommand', {'command': 'stty -echo; echo ready; cat'})
        client.wait_for(b'ready')
        clients.append(client)
    delays = []
    rounds = 0
    first = None
    end = time.monotonic() + seconds
    while time.monotonic() < end or rounds < 4:
        start_of_round = time.monotonic()
        for client in clients:
            text = f'round-{rounds}\n'.encode()
            start = time.monotonic()
            client.send(text)
            client.wait_acknowledged()
            delays.append(time.monotonic() - start)
            client.wait_for(text.strip())
        rounds += 1
        # As people do, each says something now and then.
        clients[0].pump_for(max(0, start_of_round + pause - time.monotonic()))
        if rounds == 2:
            first = proc_facts.memory_bytes(stack.relay.popen.pid)  # Every buffer was used once.
    grown = proc_facts.memory_bytes(stack.relay.popen.pid) - first
    t.note(f'{count} sessions, {rounds} rounds: acknowledged within {statistics.median(delays) * 1000:.1f} ms '
           f'(median), {max(delays) * 1000:.0f} ms (longest); the relay grew by {grown >> 10} KiB')
    check(grown < _GROWTH_MAX, f'the relay grew by {grown >> 20} MiB in {rounds} rounds')
    for client in clients:
        client.send(b'\x04')
        client.wait_closed()


test_many_sessions.limit = 120
