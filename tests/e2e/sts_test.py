"""Are temporary credentials what AWS's clients take them for, and do they end where they should?

Method: the AWS command line, AWS's client library and `adit` against a real relay: who am I, roles with
and without a code, presigned addresses, and what is done with the credentials afterwards.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import ssl
import struct
import subprocess
import time
import urllib.error
import urllib.request

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from support.aws import Aws
from support.processes import check, check_equal

ACCOUNT = '000000000000'
ADMIN = f'arn:aws:iam::{ACCOUNT}:user/admin'
TRUST = {'Version': '2012-10-17',
         'Statement': {'Effect': 'Allow', 'Action': ['sts:AssumeRole', 'sts:TagSession'],
                       'Principal': {'AWS': f'arn:aws:iam::{ACCOUNT}:root'}}}
READ_NODES = {'Version': '2012-10-17',
              'Statement': {'Effect': 'Allow', 'Action': 'ssm:DescribeInstanceInformation',
                            'Resource': '*'}}
_STEP = 30


def _ca_file(stack):
    with open(os.path.join(stack.config, 'config.json'), encoding='utf-8') as file:
        config = json.load(file)
    path = os.path.join(stack.folder, 'ca.pem')
    with open(path, 'w', encoding='ascii') as file:
        file.write(config['ca_pem'])
    return path


def _keys(stack):
    return stack.login_member('key'), stack.login_member('secret')


def _library(stack, key, secret, token=None):
    return Aws(stack.port, _ca_file(stack), key, secret, token)


def _admin(stack):
    return _library(stack, *_keys(stack))


def _aws(stack, credentials, *arguments):
    """Runs the AWS command line with (key, secret) or (key, secret, token)."""
    env = stack.environment() | {
        'AWS_CONFIG_FILE': '/dev/null', 'AWS_SHARED_CREDENTIALS_FILE': '/dev/null',
        'AWS_EC2_METADATA_DISABLED': 'true', 'AWS_MAX_ATTEMPTS': '1', 'AWS_PAGER': '',
        'AWS_REGION': 'us-east-1', 'AWS_DEFAULT_REGION': 'us-east-1', 'AWS_CA_BUNDLE': _ca_file(stack),
        'AWS_ACCESS_KEY_ID': credentials[0], 'AWS_SECRET_ACCESS_KEY': credentials[1]}
    if len(credentials) > 2:
        env['AWS_SESSION_TOKEN'] = credentials[2]
    return subprocess.run(
        ['/usr/bin/aws', '--endpoint-url', f'https://127.0.0.1:{stack.port}', '--output', 'json', *arguments],
        env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
        check=False)


def _aws_json(stack, credentials, *arguments):
    done = _aws(stack, credentials, *arguments)
    check_equal(done.returncode, 0, f'aws {" ".join(arguments)}: {done.stderr.decode()}')
    return json.loads(done.stdout)


def _aws_error(stack, credentials, *arguments):
    """The code of the error with which the AWS command line has to fail."""
    done = _aws(stack, credentials, *arguments)
    said = done.stderr.decode()
    found = re.search(r'An error occurred \((\w+)\)', said)
    check(done.returncode != 0 and found, f'aws {" ".join(arguments)} did not fail as it should: {said}')
    return found[1]


def _three(answer):
    credentials = answer['Credentials']
    return credentials['AccessKeyId'], credentials['SecretAccessKey'], credentials['SessionToken']


def _code(seed, step):
    mac = hmac.digest(seed, struct.pack('>Q', step), hashlib.sha1)
    offset = mac[-1] & 15
    return f'{(struct.unpack(">I", mac[offset:offset + 4])[0] & 0x7fffffff) % 1000000:06d}'


def _make_device(stack, user, name):
    """Enables a device for a user; returns its serial number, its seed and the last step used."""
    iam = _admin(stack)
    device = iam.call('iam', 'CreateVirtualMFADevice', VirtualMFADeviceName=name)['VirtualMFADevice']
    seed = base64.b32decode(device['Base32StringSeed'])
    step = int(time.time()) // _STEP
    iam.call('iam', 'EnableMFADevice', UserName=user, SerialNumber=device['SerialNumber'],
             AuthenticationCode1=_code(seed, step - 2), AuthenticationCode2=_code(seed, step - 1))
    return device['SerialNumber'], seed, step - 1


def _make_role(stack, name, trust=None, policy=None):
    iam = _admin(stack)
    iam.call('iam', 'CreateRole', RoleName=name, AssumeRolePolicyDocument=json.dumps(trust or TRUST))
    iam.call('iam', 'PutRolePolicy', RoleName=name, PolicyName='p',
             PolicyDocument=json.dumps(policy or READ_NODES))
    return f'arn:aws:iam::{ACCOUNT}:role/{name}'


def test_the_command_line_learns_who_it_is(t):
    """`aws sts get-caller-identity` tells who a key is, and each wrong key gets AWS's code"""
    stack = t.stack
    key, secret = _keys(stack)
    answer = _aws_json(stack, (key, secret), 'sts', 'get-caller-identity')
    check_equal((answer['Account'], answer['Arn']), (ACCOUNT, ADMIN), 'the identity')
    ask = ('sts', 'get-caller-identity')
    check_equal(_aws_error(stack, (key, 'x' + secret), *ask), 'SignatureDoesNotMatch', 'a wrong secret')
    check_equal(_aws_error(stack, ('AKIAIOSFODNN7EXAMPLE', secret), *ask), 'InvalidClientTokenId', 'a wrong key')
    check_equal(_aws_error(stack, (key, secret, 'token'), *ask), 'InvalidClientTokenId', 'a wrong token')
    nodes = ('ssm', 'describe-instance-information')
    check_equal(_aws_error(stack, (key, 'x' + secret), *nodes), 'InvalidSignatureException', 'ssm, secret')
    check_equal(_aws_error(stack, ('AKIAIOSFODNN7EXAMPLE', secret), *nodes), 'UnrecognizedClientException',
                'ssm, key')


def test_the_command_line_assumes_a_role(t):
    """`aws sts assume-role` gives what ssm takes, within the role's policies, until the role is gone"""
    stack = t.stack
    admin = _keys(stack)
    role = _make_role(stack, 'reader')
    answer = _aws_json(stack, admin, 'sts', 'assume-role', '--role-arn', role, '--role-session-name', 'night',
                       '--duration-seconds', '900', '--tags', 'Key=team,Value=db')
    session_arn = f'arn:aws:sts::{ACCOUNT}:assumed-role/reader/night'
    check_equal(answer['AssumedRoleUser']['Arn'], session_arn, 'the session')
    session = _three(answer)
    check_equal(_aws_json(stack, session, 'sts', 'get-caller-identity')['Arn'], session_arn, 'who it is')
    nodes = _aws_json(stack, session, 'ssm', 'describe-instance-information')
    check_equal([node['Name'] for node in nodes['InstanceInformationList']], [stack.NODE], 'the nodes')
    check_equal(_aws_error(stack, session, 'ssm', 'start-session', '--target', stack.node_id()),
                'AccessDeniedException', 'what its policy does not allow')
    check_equal(_aws_error(stack, session[:2], 'ssm', 'describe-instance-information'),
                'UnrecognizedClientException', 'without its token')
    check_equal(_aws_error(stack, admin, 'sts', 'assume-role', '--role-arn', role + 'x', '--role-session-name',
                           'night'), 'AccessDenied', 'a role that is not there')
    iam = _admin(stack)
    iam.call('iam', 'DeleteRolePolicy', RoleName='reader', PolicyName='p')
    iam.call('iam', 'DeleteRole', RoleName='reader')
    check_equal(_aws_error(stack, session, 'sts', 'get-caller-identity'), 'InvalidClientTokenId',
                'after its role')


def test_a_code_opens_a_session_once(t):
    """GetSessionToken with a device's code gives aws:MultiFactorAuthPresent, and takes a code once"""
    stack = t.stack
    iam = _admin(stack)
    serial, seed, last = _make_device(stack, 'admin', 'phone')
    trust = json.loads(json.dumps(TRUST))
    trust['Statement']['Condition'] = {'Bool': {'aws:MultiFactorAuthPresent': 'true'}}
    role = _make_role(stack, 'guarded', trust)
    wish = {'RoleArn': role, 'RoleSessionName': 'night'}
    check_equal(iam.error('sts', 'AssumeRole', **wish)[0], 'AccessDenied', 'without a code')
    check_equal(iam.error('sts', 'GetSessionToken', SerialNumber=serial, TokenCode='000000')[1],
                'MultiFactorAuthentication failed with invalid MFA one time pass code.', 'a wrong code')
    code = _code(seed, last + 1)
    session = iam.call('sts', 'GetSessionToken', SerialNumber=serial, TokenCode=code, DurationSeconds=900)
    check_equal(iam.error('sts', 'GetSessionToken', SerialNumber=serial, TokenCode=code)[0], 'AccessDenied',
                'the code again')
    with_code = _library(stack, *_three(session))
    check_equal(with_code.call('sts', 'GetCallerIdentity')['Arn'], ADMIN, 'who it is')
    assumed = with_code.call('sts', 'AssumeRole', **wish)
    nodes = _library(stack, *_three(assumed)).call('ssm', 'DescribeInstanceInformation')
    check_equal(len(nodes['InstanceInformationList']), 1, 'the nodes')
    check_equal(with_code.error('sts', 'GetSessionToken')[0], 'AccessDenied', 'a session of a session')


def _presigned(stack, seconds, key=None, secret=None):
    request = AWSRequest('GET', f'https://127.0.0.1:{stack.port}/?Action=GetCallerIdentity&Version=2011-06-15')
    known = _keys(stack)
    SigV4QueryAuth(Credentials(key or known[0], secret or known[1]), 'sts', 'us-east-1', seconds).add_auth(request)
    return request.url


def _get(stack, url):
    context = ssl.create_default_context(cafile=_ca_file(stack))
    try:
        with urllib.request.urlopen(url, context=context, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_presigned_address_proves_who_made_it(t):
    """GetCallerIdentity by GET with botocore's presigned address answers, and a changed one does not"""
    stack = t.stack
    url = _presigned(stack, 60)
    status, body = _get(stack, url)
    check(status == 200 and f'<Arn>{ADMIN}</Arn>' in body, f'{status} {body}')
    status, body = _get(stack, url.replace('Expires=60', 'Expires=61'))
    check(status == 403 and 'SignatureDoesNotMatch' in body, f'{status} {body}')
    status, body = _get(stack, _presigned(stack, 60, secret='x'))
    check(status == 403 and 'SignatureDoesNotMatch' in body, f'{status} {body}')
    status, body = _get(stack, url.partition('?')[0] + '?Action=GetCallerIdentity&Version=2011-06-15')
    check(status == 403 and 'MissingAuthenticationToken' in body, f'{status} {body}')


def test_adit_is_the_role_of_a_profile(t):
    """`adit whoami` tells the key's user, a token's session and a profile's role; so does every command"""
    stack = t.stack
    role = _make_role(stack, 'operator')
    told = stack.adit('whoami')
    check(told.returncode == 0 and ADMIN in told.stdout.decode(), told.stderr.decode())
    session = _three(_admin(stack).call('sts', 'AssumeRole', RoleArn=role, RoleSessionName='night'))
    env = stack.environment() | dict(zip(
        ('AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'), session))
    told = json.loads(stack.adit('whoami', '--json', env=env).stdout)
    check_equal(told['arn'], f'arn:aws:sts::{ACCOUNT}:assumed-role/operator/night', 'with a token')
    key, secret = _keys(stack)
    config = os.path.join(stack.folder, 'aws-config')
    with open(config, 'w', encoding='ascii') as file:
        file.write(f'[profile key]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n'
                   f'[profile ops]\nrole_arn = {role}\nsource_profile = key\nrole_session_name = day\n'
                   f'[profile none]\nrole_arn = {role}x\nsource_profile = key\n')
    env = stack.environment() | {'AWS_CONFIG_FILE': config, 'AWS_SHARED_CREDENTIALS_FILE': '/dev/null'}
    told = json.loads(stack.adit('--profile', 'ops', 'whoami', '--json', env=env).stdout)
    check_equal(told['arn'], f'arn:aws:sts::{ACCOUNT}:assumed-role/operator/day', 'of a profile')
    again = json.loads(stack.adit('--profile', 'ops', 'whoami', '--json', env=env).stdout)
    check_equal(again['access_key_id'], told['access_key_id'], 'the session is kept')
    nodes = stack.adit('--profile', 'ops', 'nodes', env=env)
    check(stack.NODE in nodes.stdout.decode(), nodes.stderr.decode())
    denied = stack.adit('--profile', 'none', 'nodes', env=env)
    check(denied.returncode == 255 and 'cannot assume the role' in denied.stderr.decode(),
          denied.stderr.decode())
