"""Do port sessions of AWS's clients carry every byte, in each of their three ways?

Method: a client of the data channel by hand (support/plugin_client.py, smux.py), small servers behind it.
"""

import hashlib
import os
import socket
import threading

from support import targets
from support.plugin_client import (CONNECT_ERROR, DISCONNECT_TO_PORT, TERMINATE, PluginClient,
                                   wait_ended)
from support.processes import check, check_equal, free_port
from support.smux import Smux
from support.tcp_server import TcpServer

_FORWARD = 'AWS-StartPortForwardingSession'


def _forward(t, port, **more):
    return PluginClient(t.stack, **more).open_session(_FORWARD, {'portNumber': str(port),
                                                                 'localPortNumber': '0'})


def test_multiplexed(t):
    """50 connections at once through one session, each with bytes of its own, both ways"""
    with TcpServer(targets.echo) as server:
        client = _forward(t, server.port)
        properties = client.action('SessionType')['Properties']
        check_equal((properties['portNumber'], properties['type'], properties['localPortNumber']),
                    (str(server.port), 'LocalPortForwarding', '0'), 'properties are texts')
        check_equal(client.expected, 2, 'nothing follows the handshake by itself (P4)')
        smux = Smux(client)
        size = t.size(100_000, 1_000_000)
        texts = {}
        for _ in range(50):
            stream = smux.open()
            texts[stream.id] = os.urandom(size)
            smux.write(stream, texts[stream.id])
        smux.pump(lambda: all(len(s.received) == size for s in smux.streams.values()), 60 if not t.full else 600,
                  'all came back')
        for stream in smux.streams.values():
            check(bytes(stream.received) == texts[stream.id], f'stream {stream.id} is as it was')
            smux.finish(stream)
        smux.pump(lambda: all(s.is_finished for s in smux.streams.values()), 20, 'all are finished')
        check_equal(client.flags, [], 'no connection failed')
        client.flag(TERMINATE)
        client.wait_closed()
        wait_ended(client.api, client.session['SessionId'])
        check_equal(server.connections, 50, 'connections')


def test_connect_failure(t):
    """A target that refuses is told by a flag and a FIN, and the session goes on"""
    port = free_port()
    client = _forward(t, port)
    smux = Smux(client)
    stream = smux.open()
    smux.pump(lambda: stream.is_finished and client.flags, 20, 'the refusal')
    check_equal(client.flags, [CONNECT_ERROR], 'the flag')
    with socket.create_server(('127.0.0.1', port)) as listener:
        good = smux.open()
        smux.write(good, b'hello')
        smux.send()
        connection, _ = listener.accept()
        with connection:
            check_equal(connection.recv(10), b'hello', 'a later connection')
            connection.sendall(b'welcome')
        smux.pump(lambda: good.is_finished, 20, 'the target ends')
        check_equal(bytes(good.received), b'welcome', 'its answer')
    client.close()


def test_stalled_stream(t):
    """A target that does not read holds back its session and nobody else's memory (smux has no credit)"""
    go_on = threading.Event()
    total = []

    def lazy(connection):
        go_on.wait(60)
        count = 0
        while True:
            data = connection.recv(65536)
            if not data:
                break
            count += len(data)
        total.append(count)
        connection.sendall(b'done')

    with TcpServer(lazy) as server:
        client = _forward(t, server.port)
        smux = Smux(client)
        stream = smux.open()
        size = 24 * 1024 * 1024
        smux.write(stream, bytes(size))
        smux.finish(stream)
        # Until what is in flight is not acknowledged any more.
        last = -1
        for _ in range(60):
            if client.next == last and len(client.unacked) >= 200:
                break
            last = client.next
            smux.pump_for(1)
        check(client.next == last, 'the sender is made to wait')
        check(client.next * 1024 < size, f'{client.next} messages were taken')
        go_on.set()
        smux.pump(lambda: stream.is_finished, 120, 'all arrives')
        check_equal((total, bytes(stream.received)), ([size], b'done'), 'bytes at the target')
        client.close()


test_stalled_stream.limit = 240


def test_basic(t):
    """An old client has one connection at a time: flags say when it ends, and the next one dials again"""
    with TcpServer(targets.echo) as server:
        client = _forward(t, server.port, version='1.1.61.0')
        client.send(b'first')
        client.wait_for(b'first')
        client.flag(DISCONNECT_TO_PORT)
        client.send(b'second')
        client.wait_for(b'second')
        check_equal(server.connections, 2, 'connections')
        client.flag(TERMINATE)
        check_equal(client.wait_closed()['Output'], '', 'the last word')

    # What was sent before a disconnect still arrives.
    with TcpServer(targets.sink) as server:
        client = _forward(t, server.port, version='1.1.61.0')
        data = os.urandom(300_000)
        client.send(data)
        client.flag(DISCONNECT_TO_PORT)
        client.wait_acknowledged()
        client.close()

    # A target that ends first: the session stays, and the next byte dials again.
    def greet(connection):
        connection.sendall(b'greeting')
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(100):
            pass
    with TcpServer(greet) as server:
        client = _forward(t, server.port, version='1.1.61.0')
        client.wait_for(b'greeting')
        # Until the end of the first connection is known, bytes still go there.
        for _ in range(100):
            client.send(b'x')
            client.pump_for(0.1)
            if server.connections == 2:
                break
        client.wait_for(b'greeting')
        check_equal(client.closed, None, 'the session goes on')
        client.close()

    closed = free_port()
    client = _forward(t, closed, version='1.1.61.0')
    check('Unable to connect' in client.wait_closed()['Output'], f'a closed port: {client.closed}')


def test_ssh_document(t):
    """ssh's document carries one connection over standard input and output, and ends with it"""
    with TcpServer(targets.sink) as server:
        client = PluginClient(t.stack).open_session('AWS-StartSSHSession',
                                                    {'portNumber': str(server.port)})
        check(not client.action('SessionType')['Properties'].get('type'), 'no type: standard streams')
        client.send(b'bytes')
        client.wait_acknowledged()
        client.close()

    big = os.urandom(t.size(3_000_000, 100_000_000))

    def serve(connection):
        connection.sendall(big)
    with TcpServer(serve) as server:
        client = PluginClient(t.stack).open_session('AWS-StartSSHSession',
                                                    {'portNumber': str(server.port)})
        client.wait_closed(60 if not t.full else 600)
        check_equal(hashlib.sha256(client.output).hexdigest(), hashlib.sha256(big).hexdigest(),
                    'all bytes, before the last word (P17)')


def test_remote_host(t):
    """A remote host is resolved and dialled by the node; link-local addresses are not"""
    with TcpServer(targets.echo) as server:
        client = PluginClient(t.stack).open_session(
            'AWS-StartPortForwardingSessionToRemoteHost',
            {'host': 'localhost', 'portNumber': str(server.port), 'localPortNumber': '0'})
        check_equal(client.action('SessionType')['Properties']['host'], 'localhost', 'the host')
        smux = Smux(client)
        stream = smux.open()
        smux.write(stream, b'there')
        smux.pump(lambda: stream.received == b'there', 20, 'the echo')
        client.close()
    client = PluginClient(t.stack).open_session(
        'AWS-StartPortForwardingSessionToRemoteHost',
        {'host': '169.254.169.254', 'portNumber': '80', 'localPortNumber': '0'})
    smux = Smux(client)
    stream = smux.open()
    smux.pump(lambda: stream.is_finished, 20, 'the refusal')
    check_equal(client.flags, [CONNECT_ERROR], 'a link-local address')
    client.close()
