"""Is IAM what AWS's clients take it for, and does it decide?

Method: AWS's own client library calls every operation; each answer is held against its model. Users
with policies then try what they may and may not do with the real programs.
"""

import base64
import contextlib
import datetime
import hashlib
import hmac
import json
import os
import re
import struct
import time

from support.aws import Aws
from support.processes import check, check_equal, wait_until
from support.terminal import Terminal

ACCOUNT = '000000000000'
_ENDED = 'The permission for this session has ended'
ALLOW_START = {'Version': '2012-10-17',
               'Statement': {'Effect': 'Allow', 'Action': 'ssm:StartSession', 'Resource': '*'}}
TRUST = {'Version': '2012-10-17',
         'Statement': {'Effect': 'Allow', 'Action': 'sts:AssumeRole',
                       'Principal': {'AWS': f'arn:aws:iam::{ACCOUNT}:root'}}}


def _aws(stack, key=None, secret=None):
    with open(os.path.join(stack.config, 'config.json'), encoding='utf-8') as file:
        config = json.load(file)
    ca_file = os.path.join(stack.folder, 'ca.pem')
    with open(ca_file, 'w', encoding='ascii') as file:
        file.write(config['ca_pem'])
    return Aws(stack.port, ca_file, key or config['access_key_id'],
               secret or config['secret_access_key'])


def _code(seed, step):
    mac = hmac.digest(seed, struct.pack('>Q', step), hashlib.sha1)
    offset = mac[-1] & 15
    return f'{(struct.unpack(">I", mac[offset:offset + 4])[0] & 0x7fffffff) % 1000000:06d}'


def test_every_operation_answers_as_the_model_says(t):
    """Every operation of IAM answers as botocore's model says, member by member"""
    every_operation(t, _aws(t.own_stack()))


def every_operation(t, aws):
    """Calls each operation of IAM by `aws`, as an administrator of a relay without anybody else."""
    def iam(operation, **parameters):
        return aws.call('iam', operation, **parameters)

    user = iam('CreateUser', UserName='alice', Path='/team/', Tags=[{'Key': 'team', 'Value': 'db'}])
    check_equal(user['User']['Arn'], f'arn:aws:iam::{ACCOUNT}:user/team/alice', 'ARN')
    check_equal(aws.error('iam', 'CreateUser', UserName='Alice')[0], 'EntityAlreadyExists', 'twice')
    check_equal(aws.error('iam', 'CreateUser', UserName='a b')[0], 'ValidationError', 'a bad name')
    check_equal(aws.error('iam', 'GetUser', UserName='nobody'),
                ('NoSuchEntity', 'The user with name nobody cannot be found.'), 'no such user')
    check_equal(iam('GetUser')['User']['UserName'], 'admin', 'the caller')
    iam('GetUser', UserName='alice')
    iam('UpdateUser', UserName='alice', NewUserName='alicia', NewPath='/')
    iam('UpdateUser', UserName='alicia', NewUserName='alice')
    iam('CreateGroup', GroupName='ops')
    iam('UpdateGroup', GroupName='ops', NewPath='/x/')
    iam('AddUserToGroup', GroupName='ops', UserName='alice')
    check_equal([u['UserName'] for u in iam('GetGroup', GroupName='ops')['Users']], ['alice'], 'group')
    check_equal([g['GroupName'] for g in iam('ListGroupsForUser', UserName='alice')['Groups']], ['ops'],
                'groups of alice')
    iam('ListGroups')
    role = iam('CreateRole', RoleName='deploy', AssumeRolePolicyDocument=json.dumps(TRUST),
               MaxSessionDuration=7200, Description='d', Tags=[{'Key': 'a', 'Value': ''}])
    check_equal(role['Role']['AssumeRolePolicyDocument'], TRUST, 'trust policy')
    check_equal(aws.error('iam', 'CreateRole', RoleName='r', AssumeRolePolicyDocument='{}')[0],
                'MalformedPolicyDocument', 'an empty trust policy')
    iam('GetRole', RoleName='deploy')
    iam('ListRoles')
    iam('UpdateRole', RoleName='deploy', Description='e', MaxSessionDuration=3600)
    iam('UpdateRoleDescription', RoleName='deploy', Description='f')
    iam('UpdateAssumeRolePolicy', RoleName='deploy', PolicyDocument=json.dumps(TRUST))
    iam('ListInstanceProfilesForRole', RoleName='deploy')

    document = json.dumps(ALLOW_START)
    for kind, name in (('User', 'alice'), ('Group', 'ops'), ('Role', 'deploy')):
        named = {kind + 'Name': name}
        iam(f'Put{kind}Policy', PolicyName='p', PolicyDocument=document, **named)
        check_equal(iam(f'Get{kind}Policy', PolicyName='p', **named)['PolicyDocument'], ALLOW_START, 'p')
        check_equal(iam(f'List{kind}Policies', **named)['PolicyNames'], ['p'], 'names')
        large = json.dumps(ALLOW_START | {'Id': 'x' * 10240})
        check_equal(aws.error('iam', f'Put{kind}Policy', PolicyName='q', PolicyDocument=large, **named)[0],
                    'LimitExceeded', 'a large policy')

    made = iam('CreatePolicy', PolicyName='start', PolicyDocument=document, Description='d',
               Tags=[{'Key': 'k', 'Value': 'v'}])
    arn = made['Policy']['Arn']
    iam('GetPolicy', PolicyArn=arn)
    iam('GetPolicyVersion', PolicyArn=arn, VersionId='v1')
    for _ in range(4):
        iam('CreatePolicyVersion', PolicyArn=arn, PolicyDocument=document)
    check_equal(aws.error('iam', 'CreatePolicyVersion', PolicyArn=arn, PolicyDocument=document)[0],
                'LimitExceeded', 'a sixth version')
    iam('SetDefaultPolicyVersion', PolicyArn=arn, VersionId='v3')
    check_equal(aws.error('iam', 'DeletePolicyVersion', PolicyArn=arn, VersionId='v3')[0],
                'DeleteConflict', 'the default version')
    for version in iam('ListPolicyVersions', PolicyArn=arn)['Versions']:
        if not version['IsDefaultVersion']:
            iam('DeletePolicyVersion', PolicyArn=arn, VersionId=version['VersionId'])
    names = {p['PolicyName'] for p in iam('ListPolicies')['Policies']}
    check_equal(names, {'start', 'AditAdmin', 'AditOperator', 'AditAuditor'}, 'policies')
    check_equal([p['PolicyName'] for p in iam('ListPolicies', Scope='Local')['Policies']], ['start'],
                'own policies')
    for kind, name in (('User', 'alice'), ('Group', 'ops'), ('Role', 'deploy')):
        named = {kind + 'Name': name}
        iam(f'Attach{kind}Policy', PolicyArn=arn, **named)
        attached = iam(f'ListAttached{kind}Policies', **named)['AttachedPolicies']
        check_equal(attached, [{'PolicyName': 'start', 'PolicyArn': arn}], 'attached')
    for kind, name in (('User', 'alice'), ('Role', 'deploy')):
        iam(f'Put{kind}PermissionsBoundary', PermissionsBoundary=arn, **{kind + 'Name': name})
    users = iam('ListEntitiesForPolicy', PolicyArn=arn)
    check_equal((len(users['PolicyUsers']), len(users['PolicyGroups']), len(users['PolicyRoles'])),
                (1, 1, 1), 'entities')
    check_equal(aws.error('iam', 'DeletePolicy', PolicyArn=arn)[0], 'DeleteConflict', 'a used policy')
    check_equal(aws.error('iam', 'DeletePolicy', PolicyArn='arn:aws:iam::aws:policy/AditAdmin')[0],
                'AccessDenied', 'a shipped policy')

    key = iam('CreateAccessKey', UserName='alice')['AccessKey']
    iam('CreateAccessKey', UserName='alice')
    check_equal(aws.error('iam', 'CreateAccessKey', UserName='alice')[0], 'LimitExceeded', 'a third key')
    iam('UpdateAccessKey', UserName='alice', AccessKeyId=key['AccessKeyId'], Status='Inactive')
    keys = iam('ListAccessKeys', UserName='alice')['AccessKeyMetadata']
    check_equal(sorted(k['Status'] for k in keys), ['Active', 'Inactive'], 'states of the keys')
    used = iam('GetAccessKeyLastUsed', AccessKeyId=aws.key)
    check_equal((used['UserName'], used['AccessKeyLastUsed']['ServiceName']), ('admin', 'iam'), 'last use')

    device = iam('CreateVirtualMFADevice', VirtualMFADeviceName='phone')['VirtualMFADevice']
    serial = device['SerialNumber']
    seed = base64.b32decode(device['Base32StringSeed'])
    step = int(time.time()) // 30
    check_equal(aws.error('iam', 'EnableMFADevice', UserName='alice', SerialNumber=serial,
                          AuthenticationCode1='000000', AuthenticationCode2='000000')[0],
                'InvalidAuthenticationCode', 'wrong codes')
    for operation in ('EnableMFADevice', 'ResyncMFADevice'):
        iam(operation, UserName='alice', SerialNumber=serial, AuthenticationCode1=_code(seed, step - 1),
            AuthenticationCode2=_code(seed, step))
    iam('ListMFADevices', UserName='alice')
    if 'GetMFADevice' in aws.client('iam').meta.service_model.operation_names:  # Not in the oldest.
        iam('GetMFADevice', SerialNumber=serial)
    iam('ListVirtualMFADevices', AssignmentStatus='Assigned')
    check_equal(aws.error('iam', 'DeleteVirtualMFADevice', SerialNumber=serial)[0], 'DeleteConflict',
                'a device in use')

    for kind, named in (('User', {'UserName': 'alice'}), ('Role', {'RoleName': 'deploy'}),
                        ('Policy', {'PolicyArn': arn}), ('MFADevice', {'SerialNumber': serial})):
        iam(f'Tag{kind}', Tags=[{'Key': 'one', 'Value': '1'}, {'Key': 'two', 'Value': '2'}], **named)
        iam(f'Untag{kind}', TagKeys=['one'], **named)
        tags = {tag['Key']: tag['Value'] for tag in iam(f'List{kind}Tags', **named)['Tags']}
        check('one' not in tags and tags['two'] == '2', f'tags of {kind}: {tags}')

    simulated = iam('SimulatePrincipalPolicy', PolicySourceArn=f'arn:aws:iam::{ACCOUNT}:user/alice',
                    ActionNames=['ssm:StartSession', 'ssm:TerminateSession'])['EvaluationResults']
    check_equal([r['EvalDecision'] for r in simulated], ['allowed', 'implicitDeny'], 'simulation')
    text = json.dumps({
        'Version': '2012-10-17',
        'Statement': {'Effect': 'Deny', 'Action': 'ssm:*', 'Resource': '*',
                      'Condition': {'StringEquals': {'aws:PrincipalTag/a': 'b'}}}})
    node = 'arn:aws:ssm:adit:000000000000:managed-instance/mi-1'
    custom = iam('SimulateCustomPolicy', PolicyInputList=[text], ActionNames=['ssm:StartSession'], ResourceArns=[node],
                 ContextEntries=[{'ContextKeyName': 'aws:PrincipalTag/a', 'ContextKeyValues': ['b'],
                                  'ContextKeyType': 'string'}])['EvaluationResults']
    check_equal([r['EvalDecision'] for r in custom], ['explicitDeny'], 'simulation of a policy')
    matched = custom[0]['MatchedStatements'][0]
    check_equal((matched['StartPosition'], matched['EndPosition']),
                ({'Line': 1, 'Column': text.index('{', 1) + 1}, {'Line': 1, 'Column': len(text)}), 'where it stands')
    special = custom[0]['ResourceSpecificResults'][0]
    check_equal((special['EvalResourceName'], special['EvalResourceDecision'], special['MatchedStatements']),
                (node, 'explicitDeny', [matched]), 'what is said of the resource')
    large = json.dumps(ALLOW_START) + ' ' * 100_000
    iam('SimulateCustomPolicy', PolicyInputList=[large, large], ActionNames=['ssm:StartSession'])
    iam('GetContextKeysForPrincipalPolicy', PolicySourceArn=f'arn:aws:iam::{ACCOUNT}:user/alice')
    iam('GetContextKeysForCustomPolicy', PolicyInputList=[document])

    summary = iam('GetAccountSummary')['SummaryMap']
    check_equal((summary['Users'], summary['Roles'], summary['MFADevicesInUse']), (2, 1, 1), 'summary')
    details = iam('GetAccountAuthorizationDetails')
    check_equal([user['UserName'] for user in details['UserDetailList']], ['admin', 'alice'], 'users in the details')
    check_equal(details['RoleDetailList'][0]['RoleName'], 'deploy', 'roles in the details')
    paged, marker = [], {}
    if aws.is_cli:
        page = iam('GetAccountAuthorizationDetails', Filter=['User', 'Role', 'LocalManagedPolicy'], PageSize=1)
        paged = page['UserDetailList'] + page['RoleDetailList'] + page['Policies']
    while not aws.is_cli:
        page = iam('GetAccountAuthorizationDetails', Filter=['User', 'Role', 'LocalManagedPolicy'], MaxItems=1, **marker)
        paged += page['UserDetailList'] + page['RoleDetailList'] + page['Policies']
        if not page['IsTruncated']:
            break
        marker = {'Marker': page['Marker']}
    whole = iam('GetAccountAuthorizationDetails', Filter=['User', 'Role', 'LocalManagedPolicy'])
    check_equal(paged, whole['UserDetailList'] + whole['RoleDetailList'] + whole['Policies'], 'the same in pages of one')
    iam('ListAccountAliases')
    check_equal(aws.error('iam', 'GetAccountPasswordPolicy')[0], 'NoSuchEntity', 'no password policy')
    for operation in ('GetLoginProfile', 'DeleteLoginProfile'):
        check_equal(aws.error('iam', operation, UserName='alice')[0], 'NoSuchEntity', operation)
    for operation in ('ListSigningCertificates', 'ListSSHPublicKeys', 'ListServiceSpecificCredentials'):
        iam(operation, UserName='alice')

    # All away again, in the order in which IAM wants it.
    check_equal(aws.error('iam', 'DeleteUser', UserName='alice')[0], 'DeleteConflict', 'a user in use')
    check_equal(aws.error('iam', 'DeleteGroup', GroupName='ops')[0], 'DeleteConflict', 'a group in use')
    check_equal(aws.error('iam', 'DeleteRole', RoleName='deploy')[0], 'DeleteConflict', 'a role in use')
    iam('DeactivateMFADevice', UserName='alice', SerialNumber=serial)
    iam('DeleteVirtualMFADevice', SerialNumber=serial)
    for each in keys:
        iam('DeleteAccessKey', UserName='alice', AccessKeyId=each['AccessKeyId'])
    iam('RemoveUserFromGroup', GroupName='ops', UserName='alice')
    for kind, name in (('User', 'alice'), ('Group', 'ops'), ('Role', 'deploy')):
        named = {kind + 'Name': name}
        iam(f'Detach{kind}Policy', PolicyArn=arn, **named)
        iam(f'Delete{kind}Policy', PolicyName='p', **named)
        if kind != 'Group':
            iam(f'Delete{kind}PermissionsBoundary', **named)
        iam(f'Delete{kind}', **named)
    iam('DeletePolicy', PolicyArn=arn)
    check_equal([u['UserName'] for u in iam('ListUsers')['Users']], ['admin'], 'users at the end')

    if aws.is_cli:
        return
    # What the relay knows and was not called above would not have been looked at.
    refused = {'GetAccountPasswordPolicy', 'GetLoginProfile', 'DeleteLoginProfile'}
    model = aws.client('iam').meta.service_model
    unknown = set()
    for operation in model.operation_names:
        if operation in aws.seen or operation in refused:
            continue
        code, text = aws.error('iam', operation)
        check_equal(code, 'InvalidAction', f'{operation}: {text}')
        unknown.add(operation)
    t.note(f'{len(aws.seen)} operations of {len(model.operation_names)} answered as the model says')


def test_lists_are_paged(t):
    """A list of many is handed out in pages, each name once"""
    aws = _aws(t.stack)
    names = [f'{letter}-{number}' for letter in 'aBcD' for number in range(5)]
    for name in names:
        aws.call('iam', 'CreateUser', UserName='page-' + name, Path='/pages/')
    pages = aws.client('iam').get_paginator('list_users').paginate(
        PathPrefix='/pages/', PaginationConfig={'PageSize': 3})
    found = [user['UserName'] for page in pages for user in page['Users']]
    check_equal(sorted(found), sorted('page-' + name for name in names), 'users of all pages')
    check_equal(aws.error('iam', 'ListUsers', Marker='x')[0], 'ValidationError', 'a marker of nobody')


def _member(stack, name, policy, permissions=None):
    """Makes a user with a policy; returns the environment of his programs, and his key."""
    admin = _aws(stack)
    admin.call('iam', 'CreateUser', UserName=name)
    admin.call('iam', 'AttachUserPolicy', UserName=name,
               PolicyArn='arn:aws:iam::aws:policy/AditAuditor')
    if policy:
        admin.call('iam', 'PutUserPolicy', UserName=name, PolicyName='p', PolicyDocument=json.dumps(policy))
    key = admin.call('iam', 'CreateAccessKey', UserName=name)['AccessKey']
    env = stack.environment() | {'AWS_ACCESS_KEY_ID': key['AccessKeyId'],
                                 'AWS_SECRET_ACCESS_KEY': key['SecretAccessKey']}
    return env, key


def test_who_is_not_allowed_is_refused(t):
    """Who is not allowed is refused by AWS's sentence, for a node, a document, or a host"""
    stack = t.stack
    env, _ = _member(stack, 'nobody', None)
    done = stack.exec('true', env=env)
    check_equal(done.returncode, 255, 'status')
    text = done.stderr.decode()
    check('user/nobody is not authorized to perform: ssm:StartSession on resource: '
          'arn:aws:ssm:adit:000000000000:managed-instance/mi-' in text and
          'because no identity-based policy allows the ssm:StartSession action' in text, text)

    env, _ = _member(stack, 'ports', {
        'Version': '2012-10-17',
        'Statement': [
            {'Effect': 'Allow', 'Action': 'ssm:StartSession',
             'Resource': ['arn:aws:ssm:*:*:managed-instance/*', 'arn:aws:ssm:*:*:document/AWS-StartPort*'],
             'Condition': {'Bool': {'ssm:SessionDocumentAccessCheck': 'true'},
                           'StringEquals': {'ssm:DocumentType': 'Session'}}},
            {'Effect': 'Deny', 'Action': 'ssm:GetDocument', 'Resource': '*',
             'Condition': {'StringEquals': {'ssm:DocumentType': 'Session'}}},
            {'Sid': 'OnlyDb', 'Effect': 'Deny', 'Action': 'ssm:StartSession', 'Resource': '*',
             'Condition': {'StringNotEquals': {'adit:RemoteHost': 'localhost'}}}]})
    text = stack.exec('true', env=env).stderr.decode()
    check('with an explicit deny in an identity-based policy (p, statement 3, Sid "OnlyDb")' in text, text)
    text = stack.adit('proxy', stack.NODE, 'elsewhere:1', env=env).stderr.decode()
    check('explicit deny' in text, text)
    text = stack.adit('proxy', stack.NODE, '1', env=env).stderr.decode()
    check('not authorized' not in text, f'the allowed host was refused: {text}')

    code, text = _aws(stack, *_key_of(env)).error('ssm', 'GetDocument', Name='AWS-StartSSHSession')
    check(code == 'AccessDeniedException' and 'explicit deny' in text, f'documents are of a type: {code} {text}')
    # What was refused is on record, with the reason.
    code, text = _aws(stack, *_key_of(env)).error('iam', 'CreateUser', UserName='x')
    check_equal(code, 'AccessDenied', text)


def test_what_an_operation_ignores_does_not_count(t):
    """A request is judged by what it does: members that its operation ignores, or that stand twice, win nothing"""
    admin = _aws(t.stack)
    bound = admin.call('iam', 'CreatePolicy', PolicyName='bound',
                       PolicyDocument=json.dumps(ALLOW_START))['Policy']['Arn']
    env, _ = _member(t.stack, 'delegate', {
        'Version': '2012-10-17',
        'Statement': [
            {'Effect': 'Allow', 'Action': ['iam:CreateUser', 'iam:AttachUserPolicy'], 'Resource': '*',
             'Condition': {'StringEquals': {'iam:PermissionsBoundary': bound}}},
            {'Effect': 'Allow', 'Action': 'iam:CreatePolicy', 'Resource': bound},
            {'Effect': 'Allow', 'Action': 'ssm:AddTagsToResource', 'Resource': '*',
             'Condition': {'StringEquals': {'aws:RequestTag/env': 'dev'}}}]})
    delegate = _aws(t.stack, *_key_of(env))
    extra = {}
    delegate.client('iam').meta.events.register(
        'before-call.iam', lambda params, **_: params['body'].update(extra))

    delegate.call('iam', 'CreateUser', UserName='bounded', PermissionsBoundary=bound)
    admin_policy = 'arn:aws:iam::aws:policy/AditAdmin'
    delegate.call('iam', 'AttachUserPolicy', UserName='bounded', PolicyArn=admin_policy)
    admin.call('iam', 'CreateUser', UserName='unbounded')
    extra['PermissionsBoundary'] = bound
    code, text = delegate.error('iam', 'AttachUserPolicy', UserName='unbounded', PolicyArn=admin_policy)
    check_equal(code, 'AccessDenied', text)
    extra.clear()
    extra['PolicyArn'] = bound
    code, text = delegate.error('iam', 'CreatePolicy', PolicyName='other', PolicyDocument=json.dumps(ALLOW_START))
    check_equal(code, 'AccessDenied', text)

    node = admin.call('ssm', 'DescribeInstanceInformation')['InstanceInformationList'][0]['InstanceId']
    tag = {'ResourceType': 'ManagedInstance', 'ResourceId': node}
    delegate.call('ssm', 'AddTagsToResource', Tags=[{'Key': 'env', 'Value': 'dev'}], **tag)
    for twice in ('env', 'Env'):
        tags = [{'Key': 'env', 'Value': 'dev'}, {'Key': twice, 'Value': 'prod'}]
        code, text = delegate.error('ssm', 'AddTagsToResource', Tags=tags, **tag)
        check(code in ('ValidationException', 'AccessDeniedException'), f'{code}: {text}')
    tags = admin.call('ssm', 'ListTagsForResource', **tag)['TagList']
    check_equal([t['Value'] for t in tags if t['Key'].lower() == 'env'], ['dev'], 'the tag')
    admin.call('ssm', 'RemoveTagsFromResource', TagKeys=['env'], **tag)


def test_who_renames_needs_both_names(t):
    """Who renames or moves a user or group must be allowed what it is, and what it will be"""
    admin = _aws(t.stack)
    env, _ = _member(t.stack, 'renamer', {
        'Version': '2012-10-17',
        'Statement': {'Effect': 'Allow', 'Action': ['iam:UpdateUser', 'iam:UpdateGroup'],
                      'Resource': [f'arn:aws:iam::{ACCOUNT}:user/mine/*', f'arn:aws:iam::{ACCOUNT}:group/mine/*']}})
    renamer = _aws(t.stack, *_key_of(env))
    for kind in ('User', 'Group'):
        name, new_name = kind + 'Name', f'New{kind}Name'
        admin.call('iam', f'Create{kind}', Path='/mine/', **{name: 'one'})
        admin.call('iam', f'Create{kind}', Path='/', **{name: 'other'})
        renamer.call('iam', f'Update{kind}', **{name: 'one', new_name: 'two'})
        renamer.call('iam', f'Update{kind}', NewPath='/mine/deep/', **{name: 'two'})
        for lie in ({name: 'two', 'NewPath': '/'}, {name: 'two', 'NewPath': '/theirs/', new_name: 'three'},
                    {name: 'other', 'NewPath': '/mine/'}):
            code, text = renamer.error('iam', f'Update{kind}', **lie)
            check_equal(code, 'AccessDenied', text)
        got = admin.call('iam', f'Get{kind}', **{name: 'two'})[kind]
        check_equal(got['Path'], '/mine/deep/', 'it stayed')


def _key_of(env):
    return env['AWS_ACCESS_KEY_ID'], env['AWS_SECRET_ACCESS_KEY']


def test_tags_of_a_node_decide(t):
    """A tag of a node lets in, and one that is changed ends the session that it allowed"""
    stack = t.stack
    admin = _aws(stack)
    node = {'ResourceType': 'ManagedInstance', 'ResourceId': stack.node_id()}
    env, _ = _member(stack, 'tagged', {
        'Version': '2012-10-17',
        'Statement': [
            {'Effect': 'Allow', 'Action': 'ssm:StartSession', 'Resource': 'arn:aws:ssm:*:*:document/*'},
            {'Effect': 'Allow', 'Action': 'ssm:StartSession',
             'Resource': 'arn:aws:ssm:*:*:managed-instance/*',
             'Condition': {'StringEquals': {'ssm:resourceTag/env': 'dev'}}}]})
    check_equal(stack.exec('true', env=env).returncode, 255, 'a node without the tag')
    admin.call('ssm', 'AddTagsToResource', Tags=[{'Key': 'env', 'Value': 'dev'}], **node)
    check_equal(admin.call('ssm', 'ListTagsForResource', **node)['TagList'],
                [{'Key': 'env', 'Value': 'dev'}], 'tags')
    # A word that means a node is that node's, also for whom a tag of it lets in.
    word = stack.node_id()[:12]
    check_equal(stack.adit('exec', word, '--', 'true', env=env).returncode, 0, f'exec on {word}')
    done = stack.adit('exec', stack.NODE + 'x', '--', 'true', env=env)
    check(done.returncode == 255 and b'did you mean' in done.stderr, f'a slip: {done.stderr!r}')
    with _started(stack, 'tagged', env) as all_end:
        admin.call('ssm', 'AddTagsToResource', Tags=[{'Key': 'env', 'Value': 'prod'}], **node)
        all_end(5)
    admin.call('ssm', 'RemoveTagsFromResource', TagKeys=['env'], **node)
    check_equal(admin.error('ssm', 'ListTagsForResource', ResourceType='ManagedInstance',
                            ResourceId='mi-00000000000000000')[0], 'InvalidResourceId', 'no such node')


def _until(seconds):
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return {'Version': '2012-10-17',
            'Statement': {'Effect': 'Allow', 'Action': 'ssm:StartSession', 'Resource': '*',
                          'Condition': {'DateLessThan': {
                              'aws:CurrentTime': end.strftime('%Y-%m-%dT%H:%M:%SZ')}}}}


@contextlib.contextmanager
def _started(stack, name, env):
    """What a user has running, each with its session: a shell on a terminal, commands of both carriages,
    and a forward. Gives the function that fails unless all of it ends, with the reason on both sides."""
    commands = []
    with Terminal([stack.program('adit'), 'shell', stack.NODE], env) as shell:
        shell.read_until(rb'[$#%>] $', 20)
        yield _start_others(stack, name, env, shell, commands)
        for process in commands:
            process.kill()
            process.communicate()


def _start_others(stack, name, env, shell, commands):
    for carriage in ('--inspected', '--sealed'):
        process = stack.popen('exec', carriage, stack.NODE, '--', 'cat', env=env)
        process.stdin.write(b'hello\n')
        process.stdin.flush()
        check_equal(process.stdout.readline(), b'hello\n', f'an echo, {carriage}')
        commands.append(process)
    forward = stack.forward(str(stack.port), env=env)
    aws = _aws(stack)

    def has_sessions():
        active = aws.call('ssm', 'DescribeSessions', State='Active')['Sessions']
        return sum(s['Owner'].endswith('user/' + name) for s in active) == 4
    wait_until(has_sessions, 5, 'the forward has its session')
    active = aws.call('ssm', 'DescribeSessions', State='Active')['Sessions']
    ids = [session['SessionId'] for session in active if session['Owner'].endswith('user/' + name)]

    def all_end(seconds):
        for process in commands:
            wait_until(lambda p=process: p.poll() is not None, seconds, 'the command ends')
            text = process.stderr.read().decode()
            check_equal(process.returncode, 255, f'status of the command: {text}')
            check(_ENDED in text, f'stderr: {text}')
        forward.wait_for(lambda: _ENDED in forward.err(), seconds, 'the forward says why it ended')
        shell.read_until(_ENDED.encode(), seconds)
        check_equal(shell.wait_ended(), 255, 'status of the shell')
        for session in ids:
            # The forward has no connection, and so nothing that the node could have known it by but its offer.
            told = re.compile(rf'session_ended session={session} .*{_ENDED}')
            stack.agent.wait_for(lambda t=told: t.search(stack.agent.err()), seconds, f'the node is told of {session}')
    return all_end


def test_a_session_ends_with_the_shift(t):
    """A shift that ends in 3 seconds ends a running shell, commands and a forward, and says so to both sides"""
    stack = t.stack
    env, _ = _member(stack, 'shift', ALLOW_START)
    with _started(stack, 'shift', env) as all_end:
        _aws(stack).call('iam', 'PutUserPolicy', UserName='shift', PolicyName='p', PolicyDocument=json.dumps(_until(3)))
        all_end(3 + 5)
    check_equal(stack.exec('true', env=env).returncode, 255, 'a session after the shift')
    ended = _aws(stack).call('ssm', 'DescribeSessions', State='History')['Sessions']
    reasons = [s['Details'] for s in ended if 'user/shift' in s['Owner']]
    check_equal(len(reasons), 4, f'ended sessions: {reasons}')
    check(all(_ENDED in r for r in reasons), f'{reasons}')


def test_a_session_ends_with_its_key(t):
    """A key that is deactivated ends what it opened within 5 seconds, and nobody else's"""
    stack = t.stack
    other = stack.popen('exec', stack.NODE, '--', 'cat')
    env, key = _member(stack, 'keyed', ALLOW_START)
    with _started(stack, 'keyed', env) as all_end:
        _aws(stack).call('iam', 'UpdateAccessKey', UserName='keyed', AccessKeyId=key['AccessKeyId'],
                         Status='Inactive')
        all_end(5)
    check_equal(other.communicate(b'still here\n', 10)[0], b'still here\n', "another's session")


def test_a_session_ends_with_its_policy(t):
    """A policy that is taken away ends what it allowed within 5 seconds"""
    stack = t.stack
    env, _ = _member(stack, 'policed', ALLOW_START)
    with _started(stack, 'policed', env) as all_end:
        _aws(stack).call('iam', 'DeleteUserPolicy', UserName='policed', PolicyName='p')
        all_end(5)
