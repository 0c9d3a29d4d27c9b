"""Does `adit` say what to do next when its user is wrong?

Method: mistakes that newcomers made, each with the words that would have helped them.
"""

import json
import os
import re
import subprocess

from support.processes import check, check_equal, wait_until
from support.terminal import Terminal


def _fails(done, *words):
    check_equal(done.returncode, 255, f'status: {done}')
    text = done.stderr.decode()
    for word in words:
        check(word in text, f'{word!r} is not in {text!r}')
    return text


def _works(done):
    check_equal(done.returncode, 0, f'status: {done}')
    return done.stderr.decode()


def _policy(action):
    return json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Action': action, 'Resource': '*'}]}).encode()


def test_what_is_not_there_or_there_already(t):
    """Names that are unknown, taken or in use are answered with the command that helps"""
    adit = t.stack.adit
    _works(adit('user', 'add', 'erin', '--policy', 'none'))
    _fails(adit('user', 'add', 'erin', '--policy', 'none'), 'already exists', '`adit user key NAME`')
    _works(adit('policy', 'put', 'used', '-', input=_policy('ssm:Describe*')))
    _works(adit('policy', 'attach', 'used', '--user', 'erin'))
    _fails(adit('policy', 'attach', 'used', '--user', 'nobody'), 'nobody', '`adit user list`')
    _fails(adit('policy', 'delete', 'used'), 'adit policy detach used --user erin')
    _works(adit('policy', 'detach', 'used', '--user', 'erin'))
    _fails(adit('policy', 'detach', 'used', '--user', 'erin'), 'erin does not have policy used',
           '`adit policy list --user erin`')
    _works(adit('policy', 'delete', 'used'))
    _works(adit('user', 'delete', 'erin'))
    for command in (('doc', 'show', 'Nope'), ('shell', t.stack.NODE, '--document', 'Nope')):
        _fails(adit(*command), 'Nope', '`adit doc list`')
    _fails(adit('audit', 'lookup', '--by', 'Eventname=x'), 'did you mean EventName?')
    _fails(adit('audit', 'lookup', '--by', 'Foo=x'), 'EventId, EventName')


def test_what_does_not_fit(t):
    """A port that is none, a document of another kind, an option in the wrong place: each says what fits"""
    stack = t.stack
    for target in ('0', 'abc', '65536'):
        text = _fails(stack.adit('proxy', stack.NODE, target), 'the port is a number from 1 to 65535')
        check('missing' not in text, text)
    _fails(stack.adit('shell', stack.NODE, '--document', 'AWS-StartPortForwardingSession'),
           'opens a port', f'adit forward {stack.NODE} 0:80')
    _fails(stack.adit('exec', stack.NODE, '--bogus', 'ls'), 'options stand before NODE')
    for wrong in (['--bogus'], ['--listen', 'nonsense'], ['--listen', '127.0.0.1:99999'], ['--advertise', 'a:port']):
        done = subprocess.run([stack.program('adit-relay'), *wrong], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=20, check=False)
        check_equal(done.returncode, 2, 'status of adit-relay')
        check(done.stderr.startswith(b'adit-relay: ') and b'adit-relay --help' in done.stderr, f'{done}')
    for command in ('rotate-master-key', 'recover-admin'):
        done = subprocess.run([stack.program('adit-relay'), command, '--help'], stdout=subprocess.PIPE, timeout=20, check=False)
        check(done.stdout.startswith(f'adit-relay {command}: '.encode()) and b'Examples:' in done.stdout, f'{done}')
    done = subprocess.run([stack.program('adit-agent'), 'run', '--bogus'], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=20, check=False)
    check(done.returncode == 2 and b'unknown flag --bogus' in done.stderr, f'adit-agent: {done}')
    _fails(stack.adit('doc', 'put', 'R', '-', input=b'{}'), "'R' is no name for a document: it has 3 to 128 letters")


def test_an_action_that_nobody_has_heard_of(t):
    """A misspelt action is accepted, as IAM does, with a warning that names the right one; a right one is not"""
    adit = t.stack.adit
    warning = 'did you mean ssm:StartSession?'
    check(warning in _works(adit('policy', 'put', 'typo', '-', input=_policy('ssm:StartSesion'))), 'no warning')
    check('warning' not in _works(adit('policy', 'put', 'typo', '-', input=_policy('ssm:Start*'))), 'a warning')
    _works(adit('policy', 'delete', 'typo'))
    done = adit('policy', 'simulate', '--user', 'admin', 'ssm:StartSesion')
    check_equal((done.returncode, warning in done.stderr.decode()), (0, True), f'simulate: {done}')
    done = adit('policy', 'simulate', '--file', '-', 'ssm:StartSession', input=_policy('ssm:StartSesion'))
    check_equal((done.returncode, warning in done.stderr.decode()), (1, True), f'simulate of a file: {done}')
    twice = _policy(['ssm:StartSesion'] * 2)
    for command in (('put', 'typo', '-'), ('simulate', '--file', '-', 'ssm:StartSesion')):
        done = adit('policy', *command, input=twice)
        check_equal(done.stderr.decode().count(warning), 1, f'how often it is said: {done}')
    _works(adit('policy', 'delete', 'typo'))


def test_a_condition_that_does_not_hold(t):
    """`policy simulate` names the statement that would allow it, and the key of the condition that fails"""
    policy = json.dumps({'Version': '2012-10-17', 'Statement': [
        {'Effect': 'Allow', 'Action': 'ssm:Describe*', 'Resource': '*'},
        {'Effect': 'Allow', 'Action': 'ssm:StartSession', 'Resource': '*',
         'Condition': {'StringEquals': {'ssm:resourceTag/env': 'dev'}}}]}).encode()

    def simulated(*arguments):
        done = t.stack.adit('policy', 'simulate', '--file', '-', *arguments, input=policy)
        check_equal(done.returncode, 1, f'status: {done}')
        return done.stdout.decode()

    text = simulated('ssm:StartSession', '--context', 'ssm:resourceTag/env=live')
    check('statement 2 of ' in text and 'its condition on ssm:resourcetag/env does not hold' in text, text)
    text = simulated('ssm:TerminateSession')
    check('condition' not in text, text)


def test_what_an_encrypted_session_needs(t):
    """`policy simulate` says that AWS's clients need a data key where a document has a key, and whether they get it"""
    stack = t.stack
    document = json.dumps({'schemaVersion': '1.0', 'sessionType': 'Standard_Stream', 'inputs': {'kmsKeyId': 'alias/night'}})
    _works(stack.adit('doc', 'put', 'Encrypted', '-', input=document.encode()))
    arn = 'kms:GenerateDataKey on arn:aws:kms:adit:000000000000:alias/night, too: '
    for who, word in ((('--user', 'admin'), 'allowed by '), (('--file', '-'), 'denied because no ')):
        done = stack.adit('policy', 'simulate', *who, '--node', stack.NODE, '--document', 'Encrypted',
                          input=_policy('ssm:StartSession'))
        check_equal(done.returncode, 0, f'status of simulate: {done}')
        check(arn + word in done.stderr.decode(), f'{who}: {done}')
    done = stack.adit('policy', 'simulate', '--user', 'admin', '--node', stack.NODE)
    check(b'kms' not in done.stderr, f'without a key: {done}')


def test_a_policy_that_is_asked_for_again(t):
    """`adit user add` asks again when there is no policy of that name, and makes nobody before"""
    stack = t.stack
    with Terminal([stack.program('adit'), 'user', 'add', 'frank'], stack.environment()) as terminal:
        terminal.read_until(rb'policy \[AditOperator\]: ')
        terminal.send(b'AditOprator\r')
        terminal.read_until(rb"no policy 'AditOprator'")
        check(b'frank' not in stack.adit('user', 'list').stdout, 'he was made before')
        terminal.read_until(rb'policy \[AditOperator\]: ')
        terminal.send(b'AditAuditor\r')
        terminal.read_until(rb'with policy AditAuditor')
        check_equal(terminal.wait_ended(), 0, 'status')
    _works(stack.adit('user', 'delete', 'frank'))


def test_the_last_administrator(t):
    """Nobody deletes himself or takes his own rights or key: there may be nobody left who could give them back"""
    adit = t.stack.adit
    _fails(adit('user', 'delete', 'admin'), 'is who you are')
    _fails(adit('policy', 'detach', 'AditAdmin', '--user', 'admin'), 'is who you are')
    key = json.loads(adit('whoami', '--json').stdout)['access_key_id']
    _fails(adit('user', 'revoke', 'admin', key), 'is the key that you use', 'adit user key admin', '--force')
    _works(adit('user', 'list'))  # Whose key, policy and name are all there still.


def test_an_activation_that_is_used_up(t):
    """One that expired or was used up is refused with one piece of advice, for who pastes the line"""
    stack = t.stack
    done = stack.enroll(state=os.path.join(stack.folder, 'late'), name='late', line=stack.enroll_line)
    check_equal(done.returncode, 1, f'status: {done}')
    text = done.stderr.decode()
    check('used as often as it may be' in text and text.count('new') == 1, text)
    check('paste its line' in text, text)
    check(not os.path.exists(os.path.join(stack.folder, 'late')), 'an empty state folder is left')


def test_words_in_the_wrong_place(t):
    """What is not understood is answered with what was probably meant, and with whose help tells more"""
    adit = t.stack.adit
    _fails(adit('--frob', 'nodes'), 'adit has no option --frob', 'adit --help')
    _fails(adit('exec', '--seald', t.stack.NODE, '--', 'ls'), 'did you mean --sealed?', 'adit exec --help')
    _fails(adit('shell', t.stack.NODE, 'ls', '-l'), f'adit exec {t.stack.NODE} -- ls -l')
    _fails(adit('shel', t.stack.NODE), 'did you mean shell?')
    _fails(adit(t.stack.NODE), 'adit shell NODE')
    check('hush' not in _fails(adit('login', 'adit-login', 'secret=hush'), 'standard input'), 'a secret is repeated')
    check_equal(adit('help', 'exec').stdout, adit('exec', '--help').stdout, '`adit help exec`')


def test_an_agent_that_is_stopped(t):
    """Who loses a session to an agent that was stopped is told that, and no word of a restart; then that it is away"""
    stack = t.own_stack()
    forwards = [stack.forward(9, options=[carriage]) for carriage in ('--sealed', '--inspected')]
    for forward in forwards:  # It listens before it has its session.
        forward.wait_for(lambda forward=forward: ' -> ' in forward.err(), 20, 'a forward is ready')
    shells = [stack.popen('shell', carriage, stack.NODE) for carriage in ('--sealed', '--inspected')]
    for shell in shells:
        shell.stdin.write(b'echo READY\n')
        shell.stdin.flush()
        check(shell.stdout.readline(), 'a shell says nothing')
    check_equal(stack.agent.stop(20), 0, 'status of the agent')
    texts = []
    for forward in forwards:
        check_equal(forward.wait(20), 255, 'status of a forward')
        texts.append(forward.err())
    for shell in shells:
        texts.append(shell.communicate(timeout=20)[1].decode())
        check_equal(shell.returncode, 255, 'status of a shell')
    for text in texts:
        check(f'the agent on {stack.NODE} was told to stop' in text, text)
        check('`adit nodes` shows when' in text and 'restart' not in text, text)
    text = _fails(stack.exec('true'), 'is offline')
    check('systemctl status adit-agent; without systemd, where it was started' in text, text)


def test_two_nodes_of_one_name(t):
    """Of two nodes of one name the one that is online is meant; of two online ones the id, and both are told"""
    stack = t.own_stack()
    first = stack.node_id()
    line = stack.adit('activate').stdout.decode().strip()
    state = os.path.join(stack.folder, 'twin')
    check_equal(stack.enroll(state=state, line=line).returncode, 0, 'enrolment under a name that is taken')
    twin = stack.start_agent(state=state, name='twin', wait=False)

    def online():
        nodes = map(json.loads, stack.adit('nodes', '--json').stdout.decode().splitlines())
        return [node['id'] for node in nodes if node['online']]

    wait_until(lambda: len(online()) == 2, 20, 'both are online')
    second = next(node for node in online() if node != first)
    text = _fails(stack.exec('true'), f"2 nodes are called '{stack.NODE}'", first, second,
                  'deregister-managed-instance')
    check('more letters' not in text, text)
    for node in (first, second):
        check_equal(stack.adit('exec', node, '--', 'echo', 'hi').stdout, b'hi\n', f'by the id {node}')
    twin.stop(20)
    wait_until(lambda: online() == [first], 20, 'the twin is offline')
    check_equal(stack.exec('echo', 'hi').stdout, b'hi\n', 'by the name again')


def test_why_a_session_was_ended(t):
    """A session that its permission left says so, and nothing of administrators"""
    stack = t.stack
    line = stack.adit('user', 'add', 'grace', '--policy', 'AditOperator').stdout
    env = stack.environment() | {'ADIT_CONFIG_DIR': os.path.join(stack.folder, 'config-grace')}
    check_equal(stack.adit('login', input=line, env=env).returncode, 0, 'login')
    shell = stack.popen('shell', stack.NODE, env=env)
    shell.stdin.write(b'echo READY\n')
    shell.stdin.flush()
    check(shell.stdout.readline(), 'her shell says nothing')
    _works(stack.adit('policy', 'detach', 'AditOperator', '--user', 'grace'))
    wait_until(lambda: shell.poll() is not None, 20, 'her shell ends')  # Before its input does.
    text = shell.communicate(timeout=20)[1].decode()
    check('The permission for this session has ended' in text, text)
    check(not re.search('administrator or its owner', text), text)
    _works(stack.adit('user', 'delete', 'grace'))
