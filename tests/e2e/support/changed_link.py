"""A node's own link through a relay that lies: what the real relay says to the node on it is changed."""

import json
import os
import select

from support.frames import CONTROL, frame


class ChangedLink:
    """For Lies.link, while nobody but the node has a link; it takes the node's connections one by one.
    `change(message)` returns what the node is told in the place of a control message, and may be replaced
    at any time. The real relay knows the node by its certificate, since it and the liar are one relay in truth."""

    def __init__(self, liar, agent_state):
        self.change = lambda message: message
        self.offers = []  # As the real relay made them.
        self._liar = liar
        self._certificate = _certificate_of(agent_state)

    def __call__(self, node):
        relay = self._liar.dial('adit/1', self._certificate)
        with relay.socket:
            unread = b''
            while True:
                # One thread for both directions: TLS is for one at a time.
                for tls in self._ready(node, relay):
                    piece = tls.receive()
                    if not piece:
                        return
                    if tls is node:
                        relay.send(piece)
                        continue
                    unread += piece
                    while (size := _frame_size(unread)) and len(unread) >= size:
                        node.send(self._told(unread[:size]))
                        unread = unread[size:]

    @staticmethod
    def _ready(*both):
        """Those that have something to read: in memory, or else on their sockets."""
        if held := [tls for tls in both if tls.holds_bytes()]:
            return held
        sockets = select.select([tls.socket for tls in both], [], [])[0]
        return [tls for tls in both if tls.socket in sockets]

    def _told(self, data):
        if data[0] != CONTROL or data[4:8] != bytes(4):
            return data
        message = json.loads(data[8:])
        if 'join_token' in message:
            self._liar.node_joins[message['join_token']] = self._certificate, message['loop']
        if message['type'] == 'session-offer':
            self.offers.append(dict(message))
        return frame(CONTROL, 0, json.dumps(self.change(message)).encode())


def _frame_size(data):
    return len(data) >= 8 and 8 + int.from_bytes(data[2:4], 'big')


def _certificate_of(agent_state):
    """(certificate, key), as paths."""
    with open(os.path.join(agent_state, 'node.json'), encoding='utf-8') as file:
        node = json.load(file)
    paths = []
    for member in ('certificate', 'private_key'):
        path = f'{agent_state}-{member}.pem'
        with open(path, 'w', encoding='ascii') as file:
            file.write(node[member])
        paths.append(path)
    return tuple(paths)
