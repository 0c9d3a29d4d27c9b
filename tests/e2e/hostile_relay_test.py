"""What can a relay do that lies, to a client that has pinned the node? It can deny, and nothing else.

Method: a relay that holds the real one's TLS key stands between client and relay. It changes answers
of the API, joins, and the sealed bytes; each lie is told to `adit proxy`, `exec` or `forward`, which
must end with a reason and without a byte of the liar's.
"""

import base64
import contextlib
import json
import os
import queue
import re
import socket
import subprocess
import threading

from support import frames, proc_facts
from support.bio_tls import BioTls
from support.frames import CONTROL, frame
from support.lying_relay import Error, Lies, LyingRelay, join_frame
from support.processes import check, check_equal, free_port, wait_until
from support.sealing_node import binding_text, own_identity
from support.tcp_server import TcpServer
from support.undisturbed import undisturbed

_SECONDS_MAX = 15  # In which every lie must have come to its end.
_TEXT = b'asked by an honest client\n'
_ANSWER = b'answered by the honest target\n'
_FORGED = b'forged by the relay'


def _answers(connection):
    """The target: an answer for each line, until the end."""
    while connection.recv(65536):
        connection.sendall(_ANSWER)


@contextlib.contextmanager
def _between(t):
    """A lying relay, an honest target that it may not touch, and a client that has pinned the node."""
    stack = t.stack
    chain, key = (os.path.join(stack.relay_state, name) for name in ('server.crt', 'server.key'))
    with LyingRelay(stack.port, chain, key) as liar, TcpServer(_answers) as target:
        liar.stack, liar.target = stack, target
        # Without patience: what a liar breaks is to end here, and not to be tried again.
        liar.env = stack.environment() | {'ADIT_RELAY': f'127.0.0.1:{liar.port}', 'ADIT_PATIENCE': '0'}
        done = _proxy(liar)
        check_equal((done.returncode, done.stdout), (0, _ANSWER), f'without a lie ({done.stderr!r})')
        with open(os.path.join(stack.config, 'known_nodes'), encoding='ascii') as file:
            known = file.read()
        yield liar
        liar.lies = Lies()
        with open(os.path.join(stack.config, 'known_nodes'), encoding='ascii') as file:
            check_equal(file.read(), known, 'the nodes that the client knows')
        done = _proxy(liar)
        check_equal((done.returncode, done.stdout, done.stderr), (0, _ANSWER, b''), 'after all lies')


def _proxy(liar, options=('--sealed',)):
    return liar.stack.adit('proxy', *options, liar.stack.NODE, str(liar.target.port),
                           input=_TEXT, env=liar.env, timeout=_SECONDS_MAX)


def _tell(liar, name, lies, wanted, reaches_target=False, options=('--sealed',)):
    """Tells one lie to a proxy: it ends with `wanted` as the reason, and the liar gained nothing."""
    before = liar.target.connections
    liar.lies = lies
    done = _proxy(liar, options)
    text = done.stderr.decode()
    check_equal(done.returncode, 255, f'{name}: status ({text!r}, {done.stdout[:80]!r})')
    check(re.search(wanted, text), f'{name}: {text!r} does not say {wanted!r}')
    check('first contact' not in text, f'{name}: something was trusted anew: {text!r}')
    check(_ANSWER.startswith(done.stdout) if reaches_target else not done.stdout,
          f'{name}: {done.stdout[:80]!r} came out')
    if not reaches_target:
        check_equal(liar.target.connections, before, f'{name}: connections at the target')
    if os.environ.get('ADIT_STEPS'):
        print(f'       {name}: {text!r}')


# ------------------------------------------------------------------- the API


def _changed(operation='StartSession', session=None, **members):
    """A lie that replaces members of the answer's `Adit`, and `session` as SessionId; None: none."""
    def answer(name, asked, body):
        if name == operation:
            inner = body.get('Adit', body)
            for member, value in members.items():
                inner.pop(member, None)
                if value is not None:
                    inner[member] = value
            if session:
                body['SessionId'] = session
        return body
    return Lies(answer=answer)


def _last_answer(liar, operation='StartSession'):
    return json.loads(next(got for name, _, got in reversed(liar.seen) if name == operation))


def test_answers_that_lie(t):
    """Another key, signature, session, token or node in an answer is refused by name, before a byte"""
    with _between(t) as liar:
        stack = liar.stack
        sign, public, session_key, _ = own_identity(os.path.join(stack.folder, 'liar'))
        old = _last_answer(liar)
        signature, node_key = old['Adit']['Signature'], old['Adit']['NodeKey']
        mine = base64.b64encode(public).decode()
        flipped = base64.b64encode(bytes([base64.b64decode(signature)[0] ^ 1])
                                   + base64.b64decode(signature)[1:]).decode()

        def self_made(name, asked, body):
            """Consistent in itself: signed by an identity of the liar's."""
            if name == 'StartSession':
                binding = binding_text(body['SessionId'], session_key, asked['Adit']['ClientKey'])
                body['Adit'].update(SessionKey=session_key, NodeKey=mine,
                                    Signature=base64.b64encode(sign(binding)).decode())
            return body

        def under_the_name(said):
            """The same, of a node that is said to have the name for its id, or of one that is not said."""
            def answer(name, asked, body):
                body = self_made(name, asked, body)
                if name == 'StartSession':
                    del body['Adit']['NodeName']
                    body['Adit'].pop('NodeId')
                    body['Adit'].update(said)
                return body
            return Lies(answer=answer)

        def instead(other):
            return lambda name, asked, body: other if name == 'StartSession' else body

        not_signed = 'not signed by'
        unreadable = 'cannot be read'
        for name, lies, wanted in (
                ('another session key', _changed(SessionKey=session_key), not_signed),
                ("the liar's node key", _changed(NodeKey=mine), not_signed),
                ('a signature with one bit flipped', _changed(Signature=flipped), not_signed),
                ('another session', _changed(session='administrator-0123456789abcdef0'), not_signed),
                ('an earlier answer, whole', Lies(answer=instead(old)), not_signed),
                ("the liar's own, consistent in itself", Lies(answer=self_made), 'another key'),
                ("the liar's own, of a node that is not said", under_the_name({}), 'another node'),
                ("the liar's own, of a name for an id", under_the_name({'NodeId': stack.NODE}), 'another node'),
                ('no session key', _changed(SessionKey=None), unreadable),
                ('a session key in capitals',
                 _changed(SessionKey=old['Adit']['SessionKey'].upper()), unreadable),
                ('no signature', _changed(Signature=None), unreadable),
                ('a short signature', _changed(Signature=signature[:40]), unreadable),
                ('a node key that is a number', _changed(NodeKey=7), unreadable),
                ('no token', _changed(JoinToken=None), unreadable),
                ('another token', _changed(JoinToken='0.0123456789abcdef.' + 'x' * 43), 'token'),
                ('an earlier token', _changed(JoinToken=old['Adit']['JoinToken']), 'token'),
                ('another loop', _changed(Loop=7), None),
                ('a loop of nonsense', _changed(Loop='../../etc'), None),
                ('no JSON', Lies(answer=instead(b'{"SessionId":')), unreadable),
                ('JSON that nests', Lies(answer=instead(b'[' * 100_000)), unreadable)):
            if wanted is None:  # It is a hint, and no more.
                liar.lies = lies
                done = _proxy(liar)
                check_equal((done.returncode, done.stdout), (0, _ANSWER), f'{name} ({done.stderr!r})')
                continue
            _tell(liar, name, lies, wanted)
        check(node_key != mine, 'the keys are one')


def test_another_node_under_a_known_name(t):
    """A relay that resolves a known name to a node of its own is refused"""
    stack = t.stack
    with _between(t) as liar:
        made = stack.api().call('CreateActivation', {'IamRole': 'any'}).json()
        line = re.sub(r'id=\S+ code=\S+', f'id={made["ActivationId"]} code={made["ActivationCode"]}',
                      stack.enroll_line)
        state = os.path.join(stack.folder, 'other-agent')
        check_equal(stack.enroll(state, 'other', line).returncode, 0, 'enrolling another node')
        agent = stack.start_agent(state, 'other-agent', wait=False)
        stack.wait_connected(agent=agent, node='other')
        other = stack.node_id('other')

        def answer(name, asked, body):
            if name != 'StartSession':
                return body
            body = stack.api().call(name, {**asked, 'Target': other}).json()
            body['Adit']['NodeName'] = stack.NODE
            return body

        _tell(liar, 'another node', Lies(answer=answer), 'belonged to another node')

        def by_its_beginning(name, asked, body):
            """Nothing has that name, and what begins with it is another node."""
            if name == 'StartSession' and asked['Target'] == stack.NODE:
                return Error('TargetNotConnected')
            if name == 'DescribeInstanceInformation':
                nodes = stack.api().call(name, {}).json()['InstanceInformationList']
                found = [node for node in nodes if node['InstanceId'] == other]
                return {'InstanceInformationList': [{**found[0], 'Name': stack.NODE + 'x',
                                                     'ComputerName': stack.NODE + 'x'}]}
            return body

        for options in (('--sealed',), ()):
            _tell(liar, 'another node, by the beginning of its name', Lies(answer=by_its_beginning),
                  'belonged to another node', options=options)
        agent.stop()


def test_downgrades(t):
    """Who asked for sealed gets sealed or nothing; so does who left it open, of a node that was sealed before"""
    stack = t.stack
    with _between(t) as liar:
        def inspected(name, asked, body):
            if name != 'StartSession':
                return body
            return stack.api().call('StartSession', {
                'Target': stack.node_id(), 'DocumentName': 'AWS-StartPortForwardingSession',
                'Parameters': {'portNumber': [str(liar.target.port)]}, 'Adit': {'Version': 1}}).json()

        _tell(liar, 'carriage inspected', Lies(answer=inspected), 'no sealed session')
        _tell(liar, 'only the word changed', _changed(Carriage='inspected'), 'cannot be read')
        _tell(liar, 'no carriage', _changed(Carriage=None), 'cannot be read')
        _tell(liar, 'left open', Lies(answer=inspected), '--inspected goes on', options=())
        check_equal([name for name, _, _ in liar.seen].count('TerminateSession'), 2,
                    'sessions that the client ended again')


# ------------------------------------------------------------------ the join


def _session_of_another(liar):
    """Starts another session of the same client, and returns its join token without using it."""
    tokens = queue.Queue()

    def keep(tls):
        tokens.put(liar.tokens[-1])
        tls.receive()

    liar.lies = Lies(instead_of_join=keep)
    process = liar.stack.popen('proxy', '--sealed', liar.stack.NODE, str(liar.target.port), env=liar.env)
    return process, tokens.get(timeout=_SECONDS_MAX)


def _end(process):
    process.kill()
    process.wait(5)
    for pipe in (process.stdin, process.stdout, process.stderr):
        pipe.close()


def test_joins_that_lie(t):
    """A join that is altered, repeated, swapped or answered with anything else names what happened"""
    joined = frame(CONTROL, 0, b'{"type":"joined"}')
    with _between(t) as liar:
        def says(*pieces):
            """Pieces of plaintext, each in a TLS record of its own, in the place of joined."""
            return Lies(joined=lambda tls, text: b''.join(map(tls.sealed, pieces)))

        def repeated(token):
            with liar.dial('adit-join/1').socket:  # Nothing is said on this one.
                first = liar.dial('adit-join/1')
                first.send(join_frame(token))
                first.receive_frame()
                liar.kept = first
            return token

        def early(token):
            return join_frame(token) + _FORGED

        def altered(token):
            return token[:-1] + ('a' if token[-1] != 'a' else 'b')

        def own_end(tls):
            """The liar's own node, behind an honest-looking joined."""
            tls.send(joined)
            end = BioTls(tls.socket, context, True, tls.detach())
            end.send(frame(CONTROL, 0, b'{"type":"hello","version":1,"version_min":1,"role":"node"}'))
            end.receive()

        def closes(tls):
            tls.flush()

        _, _, _, context = own_identity(os.path.join(liar.stack.folder, 'liar-2'))
        broke = 'broke the join'
        for name, lies, wanted in (
                ('garbage', says(_FORGED), broke),
                ('another message', says(frame(CONTROL, 0, b'{"type":"notice","text":"x"}')), broke),
                ('joined on a stream', says(frame(CONTROL, 1, b'{"type":"joined"}')), broke),
                ('no JSON', says(frame(CONTROL, 0, b'{"type":')), broke),
                ('data', says(frame(frames.DATA, 1, _FORGED)), broke),
                ('joined twice at once', says(joined + joined), broke),
                ('something behind joined', says(joined + _FORGED), broke),
                ('joined twice', says(joined, joined), 'no end-to-end encryption with node-1'),
                ('raw bytes behind joined',
                 Lies(joined=lambda tls, text: tls.sealed(joined) + _FORGED * 9),
                 'no end-to-end encryption with node-1'),
                ('plain bytes in the place of joined', Lies(joined=lambda tls, text: _FORGED * 9),
                 'too early|relay'),
                ('a goaway', says(frame(frames.GOAWAY, 0, b'\0\3' + b'\x1b[31mno')), 'access denied'),
                ('a goaway that sends in circles', says(frame(frames.GOAWAY, 0, b'\0\x0f7')), 'in a circle'),
                ('an end', Lies(instead_of_join=closes), 'too early'),
                ('an altered token', Lies(join=altered), 'token'),
                ('a token used before', Lies(join=repeated), 'token'),
                ('bytes behind the join', Lies(join=early), 'protocol'),
                ('no token', Lies(join=lambda token: frame(CONTROL, 0, b'{"type":"join"}')), 'protocol'),
                ("the liar's own node", Lies(instead_of_join=own_end), 'another key.*in between')):
            _tell(liar, name, lies, wanted)
        process, other = _session_of_another(liar)
        _tell(liar, 'the lane of another session', Lies(join=lambda token: other), 'another key.*in between')
        _end(process)


test_joins_that_lie.limit = 120


# ---------------------------------------------------------- the sealed bytes

_AT = 20  # The record that a lie about the stream is told at; by then bytes flow.


class _Recorder:
    """An honest target for much: echoes, and keeps what it got from each connection."""

    def __init__(self):
        self.received = []

    def __call__(self, connection):
        got = bytearray()
        self.received.append(got)
        while piece := connection.recv(65536):
            got.extend(piece)
            connection.sendall(piece)


def _keeping(kept):
    """A way that changes nothing and keeps a copy."""
    def way(records):
        for record in records:
            kept.append(record)
            yield record
    return way


def _at(number, replace):
    """A way that gives the record with this number to `replace`, with the one behind it, and passes on
    the pieces that it returns; None among them cuts the connection."""
    def way(records):
        for i, record in enumerate(records):
            if i == number:
                yield from replace(record, lambda: next(records))
            else:
                yield record
    return way


def _flip(position):
    def replace(record, _):
        changed = bytearray(record)
        changed[position] ^= 1
        return [bytes(changed)]
    return replace


def _both(way):
    return (('to the client', Lies(to_client=way)), ('to the node', Lies(to_node=way)))


def test_handshakes_that_are_altered(t):
    """A bit flipped in any record of the inner handshake, or an earlier one played again, ends it"""
    with _between(t) as liar:
        kept = {'to_client': [], 'to_node': []}
        liar.lies = Lies(to_client=_keeping(kept['to_client']), to_node=_keeping(kept['to_node']))
        check_equal(_proxy(liar).stdout, _ANSWER, 'a session that is recorded')
        sizes = {way: [len(record) for record in records] for way, records in kept.items()}
        t.note(f'records of one session: {sizes}')
        over = 'no end-to-end encryption with node-1|connection to node-1 .* (broke|was closed)'
        for way, records in kept.items():
            for i, record in enumerate(records[:6]):
                for position in t.size({len(record) // 2}, {5, len(record) // 2, len(record) - 1}):
                    _tell(liar, f'{way}, record {i}, byte {position}',
                          Lies(**{way: _at(i, _flip(position))}), over, reaches_target=True)

        def plays(tls):
            tls.send(frame(CONTROL, 0, b'{"type":"joined"}'))
            tls.socket.sendall(b''.join(kept['to_client']))
            tls.socket.recv(65536)
            tls.socket.recv(65536)

        # At another target: a connection of the sessions before may come to theirs after their end.
        with TcpServer(_answers) as fresh:
            liar.target, usual = fresh, liar.target
            _tell(liar, 'an earlier session played to the client', Lies(instead_of_join=plays), over)
            _tell(liar, 'an earlier session played to the node',
                  Lies(to_node=lambda records: iter(kept['to_node'])), over)
            liar.target = usual


def test_streams_that_are_altered(t):
    """Sealed bytes that are altered, dropped, repeated, swapped, cut or taken from another session end
    it by name; what came out before is the beginning of what was sent, in both directions"""
    with undisturbed(t, '--sealed'), _between(t) as liar:
        recorder = _Recorder()
        noise = os.urandom(2 << 20)
        with TcpServer(recorder) as target:
            def session():
                return liar.stack.adit('proxy', '--sealed', liar.stack.NODE, str(target.port),
                                       input=noise, env=liar.env, timeout=_SECONDS_MAX)

            def ends(name, lies, wanted):
                del recorder.received[:]
                liar.lies = lies
                done = session()
                text = done.stderr.decode()
                check_equal(done.returncode, 255, f'{name}: status ({text!r})')
                check(re.search(wanted, text), f'{name}: {text!r} does not say {wanted!r}')
                check(noise.startswith(done.stdout), f'{name}: other bytes came out at the client')
                for got in recorder.received:
                    check(noise.startswith(bytes(got)), f'{name}: other bytes came out at the target')
                if os.environ.get('ADIT_STEPS'):
                    print(f'       {name}: {text!r}')

            kept = []
            liar.lies = Lies(to_client=_keeping(kept))
            check_equal(session().stdout, noise, 'a session that is recorded')
            forged = b'\x17\x03\x03\x01\x00' + os.urandom(256)
            altered, broke = 'changed or forged|bad record mac', 'connection to node-1 .*broke'
            for name, replace, wanted in (
                    ('a flipped type', _flip(0), broke),
                    ('a flipped version', _flip(1), broke),
                    ('a flipped size', _flip(4), altered),
                    ('a flipped byte', _flip(5), altered),
                    ('a flipped tag', _flip(-1), altered),
                    ('a record dropped', lambda record, behind: [], altered),
                    ('a record twice', lambda record, behind: [record, record], altered),
                    ('two records swapped', lambda record, behind: [behind(), record], altered),
                    ('the end of a record lost', lambda record, behind: [record[:-7]], altered),
                    ('a forged record', lambda record, behind: [forged, record], altered),
                    ('an empty record', lambda record, behind: [forged[:3] + b'\0\0', record], broke),
                    ('plain text', lambda record, behind: [_FORGED * 20, record], broke),
                    ('a plain record', lambda record, behind: [b'\x17\x03\x03\0\x13' + _FORGED], altered),
                    ("an alert in plain text",
                     lambda record, behind: [b'\x15\x03\x03\0\x02\1\0', record], broke),
                    ('a record of another session', lambda record, behind: [kept[_AT], record], altered)):
                for side, lies in _both(_at(_AT, replace)):
                    ends(f'{name}, {side}', lies, wanted)

            def stops(records):
                """An end in order, as TCP has it, between two records."""
                for _, record in zip(range(_AT), records):
                    yield record

            def cuts(record, _):
                return [record[:100], None]

            for name, way in (('an early end', stops), ('a cut', _at(_AT, cuts))):
                for side, lies in _both(way):
                    ends(f'{name}, {side}', lies, 'connection to node-1 .*(broke|closed)|was ended')


test_streams_that_are_altered.limit = 120


def test_lies_to_a_forward_and_a_command(t):
    """A forward resets its local connection without a byte of the liar's; a command fails with 255"""
    with _between(t) as liar:
        recorder = _Recorder()
        with TcpServer(recorder) as target:
            for side, lies in _both(_at(_AT, lambda record, _: [_FORGED * 100])):
                liar.lies = lies
                port = free_port()
                forward = liar.stack.start('deceived-forward', [
                    liar.stack.program('adit'), 'forward', '--lanes', '1', liar.stack.NODE,
                    f'{port}:{target.port}'],
                    liar.env)
                forward.wait_for(lambda: proc_facts.is_listening(port), 10, 'the forward listens')
                noise = os.urandom(4 << 20)
                with socket.create_connection(('127.0.0.1', port), 10) as connection:
                    resets = []
                    feeder = threading.Thread(target=_feed, args=(connection, noise, resets), daemon=True)
                    feeder.start()
                    got = b''
                    try:
                        while piece := connection.recv(65536):
                            got += piece
                    except ConnectionResetError as reset:
                        resets.append(reset)
                    feeder.join(5)
                check(resets, f'{side}: the local connection ended in order')
                check(noise.startswith(got), f'{side}: other bytes came out')
                check_equal(forward.wait(_SECONDS_MAX), 255, f'{side}: status of the forward')
                check('connection to node-1' in forward.err(), forward.err())
        for side, lies in _both(_at(_AT, _flip(7))):
            liar.lies = lies
            noise = os.urandom(1 << 20)
            done = liar.stack.adit('exec', '--sealed', liar.stack.NODE, '--', 'cat', input=noise,
                                   env=liar.env, timeout=_SECONDS_MAX)
            check_equal(done.returncode, 255, f'{side}: status of the command')
            check(noise.startswith(done.stdout), f'{side}: other bytes came out of the command')
            check(b'changed or forged' in done.stderr or b'bad record mac' in done.stderr, done.stderr)


def _feed(connection, data, resets):
    """Sends all; a reset is told to the one of sender and reader that is there first."""
    try:
        connection.sendall(data)
    except OSError as reset:
        resets.append(reset)


def test_a_relay_that_falls_silent(t):
    """Half a joined, no joined, or sealed bytes that stop coming end a session within 15 s"""
    def swallows(number):
        def way(records):
            for i, record in enumerate(records):
                if i < number:
                    yield record
        return way

    def waits(tls):
        while tls.receive():
            pass

    with _between(t) as liar:
        running = []
        half = frame(CONTROL, 0, b'{"type":"joined"}')[:12]
        lies = [('half a joined', Lies(joined=lambda tls, text: tls.sealed(half))),
                ('no joined', Lies(instead_of_join=waits))]
        for number in (0, 3, 5):
            lies += [(f'{side} after {number} records', lie) for side, lie in _both(swallows(number))]
        for name, lie in lies:
            before = len(liar.tokens)
            liar.lies = lie
            process = liar.stack.popen('proxy', '--sealed', liar.stack.NODE, str(liar.target.port),
                                       env=liar.env)
            wait_until(lambda: len(liar.tokens) > before, 5, 'the client joins')
            running.append((name, process))
        for name, process in running:
            try:
                out, text = process.communicate(timeout=_SECONDS_MAX + 5)
            except subprocess.TimeoutExpired:
                _end(process)
                check(False, f'{name}: the client hangs')
            check_equal((process.returncode, out), (255, b''), f'{name}: status and output ({text!r})')
            check(text, f'{name}: no reason')
            if os.environ.get('ADIT_STEPS'):
                print(f'       {name}: {text.decode()!r}')


test_a_relay_that_falls_silent.limit = 60
test_a_relay_that_falls_silent.waits = True
