"""Are the calls answered that Terraform's AWS provider makes for users, roles, policies, activations, documents?

Method: for each resource what its create, read, update and delete send, in that order, by AWS's client
library; each answer is held against botocore's model. Reads must give back what was written, or a plan
would never be empty.
"""

import json

from support import aws as aws_support
from support.processes import check, check_equal

_ACCOUNT = '000000000000'
_TAGS = [{'Key': 'made-by', 'Value': 'terraform'}]
_MORE = [{'Key': 'team', 'Value': 'db'}]
_POLICY = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': ['ssm:StartSession'], 'Resource': '*'}]}
_OTHER = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': ['ssm:GetDocument'], 'Resource': '*'}]}


def _trust(name):
    return {'Version': '2012-10-17', 'Statement': [{
        'Effect': 'Allow', 'Action': 'sts:AssumeRole',
        'Principal': {'AWS': f'arn:aws:iam::{_ACCOUNT}:user/{name}'}}]}


def _gone(aws, service, operation, code, **parameters):
    check_equal(aws.error(service, operation, **parameters)[0], code, f'{operation} of what is gone')


def _tags_of(shown):
    return sorted((tag['Key'], tag['Value']) for tag in shown.get('Tags', []))


def test_aws_iam_policy(t):
    """aws_iam_policy: made, read, given another version until there are five, tagged, deleted"""
    aws = aws_support.of_stack(t.stack)

    def iam(operation, **parameters):
        return aws.call('iam', operation, **parameters)

    def read():
        shown = iam('GetPolicy', PolicyArn=arn)['Policy']
        version = iam('GetPolicyVersion', PolicyArn=arn, VersionId=shown['DefaultVersionId'])
        return shown, version['PolicyVersion']['Document']

    arn = iam('CreatePolicy', PolicyName='tf-policy', Path='/tf/', Description='d', PolicyDocument=json.dumps(_POLICY),
              Tags=_TAGS)['Policy']['Arn']
    shown, document = read()
    check_equal((shown['Path'], shown['Description'], _tags_of(shown), document),
                ('/tf/', 'd', [('made-by', 'terraform')], _POLICY), 'what was made')
    for _ in range(5):  # The provider deletes the oldest when there are five.
        versions = iam('ListPolicyVersions', PolicyArn=arn)['Versions']
        if len(versions) >= 5:
            oldest = min((v for v in versions if not v['IsDefaultVersion']), key=lambda v: int(v['VersionId'][1:]))
            iam('DeletePolicyVersion', PolicyArn=arn, VersionId=oldest['VersionId'])
        iam('CreatePolicyVersion', PolicyArn=arn, PolicyDocument=json.dumps(_OTHER), SetAsDefault=True)
    check_equal(read()[1], _OTHER, 'what was changed')
    iam('TagPolicy', PolicyArn=arn, Tags=_MORE)
    iam('UntagPolicy', PolicyArn=arn, TagKeys=['made-by'])
    check_equal(_tags_of(read()[0]), [('team', 'db')], 'tags')
    for version in iam('ListPolicyVersions', PolicyArn=arn)['Versions']:
        if not version['IsDefaultVersion']:
            iam('DeletePolicyVersion', PolicyArn=arn, VersionId=version['VersionId'])
    iam('DeletePolicy', PolicyArn=arn)
    _gone(aws, 'iam', 'GetPolicy', 'NoSuchEntity', PolicyArn=arn)


def test_aws_iam_user(t):
    """aws_iam_user with access key, inline policy, attachments and group: until force_destroy takes all away"""
    aws = aws_support.of_stack(t.stack)

    def iam(operation, **parameters):
        return aws.call('iam', operation, **parameters)

    boundary = 'arn:aws:iam::aws:policy/AditOperator'
    user = {'UserName': 'tf-user'}
    iam('CreateUser', Path='/', Tags=_TAGS, PermissionsBoundary=boundary, **user)
    shown = iam('GetUser', **user)['User']
    check_equal((shown['Path'], shown['PermissionsBoundary']['PermissionsBoundaryArn'], _tags_of(shown)),
                ('/', boundary, [('made-by', 'terraform')]), 'what was made')
    iam('UpdateUser', NewUserName='tf-user', NewPath='/tf/', **user)
    check_equal(iam('GetUser', **user)['User']['Arn'], f'arn:aws:iam::{_ACCOUNT}:user/tf/tf-user', 'another path')
    iam('PutUserPermissionsBoundary', PermissionsBoundary='arn:aws:iam::aws:policy/AditAuditor', **user)
    iam('DeleteUserPermissionsBoundary', **user)
    check('PermissionsBoundary' not in iam('GetUser', **user)['User'], 'a boundary that was taken away')
    iam('TagUser', Tags=_MORE, **user)
    iam('UntagUser', TagKeys=['made-by'], **user)

    key = iam('CreateAccessKey', **user)['AccessKey']['AccessKeyId']
    iam('UpdateAccessKey', AccessKeyId=key, Status='Inactive', **user)
    keys = iam('ListAccessKeys', **user)['AccessKeyMetadata']
    check_equal([(k['AccessKeyId'], k['Status']) for k in keys], [(key, 'Inactive')], 'aws_iam_access_key')
    iam('PutUserPolicy', PolicyName='inline', PolicyDocument=json.dumps(_POLICY), **user)
    check_equal(iam('GetUserPolicy', PolicyName='inline', **user)['PolicyDocument'], _POLICY, 'aws_iam_user_policy')
    arn = 'arn:aws:iam::aws:policy/AditOperator'
    iam('AttachUserPolicy', PolicyArn=arn, **user)
    check_equal([p['PolicyArn'] for p in iam('ListAttachedUserPolicies', **user)['AttachedPolicies']], [arn],
                'aws_iam_user_policy_attachment')
    iam('CreateGroup', GroupName='tf-group', Path='/')
    iam('AddUserToGroup', GroupName='tf-group', **user)
    check_equal([u['UserName'] for u in iam('GetGroup', GroupName='tf-group')['Users']], ['tf-user'],
                'aws_iam_group_membership')
    iam('AttachGroupPolicy', GroupName='tf-group', PolicyArn=arn)
    holders = iam('ListEntitiesForPolicy', PolicyArn=arn)
    check('tf-user' in [u['UserName'] for u in holders['PolicyUsers']], 'aws_iam_policy_attachment')
    iam('DetachGroupPolicy', GroupName='tf-group', PolicyArn=arn)

    # The other resources, then the user as force_destroy deletes it.
    iam('DetachUserPolicy', PolicyArn=arn, **user)
    iam('DeleteUserPolicy', PolicyName='inline', **user)
    for group in iam('ListGroupsForUser', **user)['Groups']:
        iam('RemoveUserFromGroup', GroupName=group['GroupName'], **user)
    iam('DeleteGroup', GroupName='tf-group')
    for each in iam('ListAccessKeys', **user)['AccessKeyMetadata']:
        iam('DeleteAccessKey', AccessKeyId=each['AccessKeyId'], **user)
    check_equal(iam('ListSSHPublicKeys', **user)['SSHPublicKeys'], [], 'SSH keys')
    devices = iam('ListVirtualMFADevices', AssignmentStatus='Assigned')['VirtualMFADevices']
    check(all(device.get('User', {}).get('UserName') != 'tf-user' for device in devices), 'devices')
    check_equal(iam('ListMFADevices', **user)['MFADevices'], [], 'MFA devices')
    check_equal(aws.error('iam', 'DeleteLoginProfile', **user)[0], 'NoSuchEntity', 'no login profile')
    check_equal(iam('ListSigningCertificates', **user)['Certificates'], [], 'certificates')
    check_equal(iam('ListServiceSpecificCredentials', **user)['ServiceSpecificCredentials'], [], 'credentials')
    iam('DeleteUser', **user)
    _gone(aws, 'iam', 'GetUser', 'NoSuchEntity', **user)


def test_aws_iam_role(t):
    """aws_iam_role with policies: made, read, changed in each of its members, deleted with force_detach_policies"""
    aws = aws_support.of_stack(t.stack)

    def iam(operation, **parameters):
        return aws.call('iam', operation, **parameters)

    role = {'RoleName': 'tf-role'}
    arn = 'arn:aws:iam::aws:policy/AditOperator'
    iam('CreateRole', Path='/', AssumeRolePolicyDocument=json.dumps(_trust('admin')), MaxSessionDuration=3600,
        Description='d', Tags=_TAGS, **role)
    shown = iam('GetRole', **role)['Role']
    check_equal((shown['AssumeRolePolicyDocument'], shown['MaxSessionDuration'], shown['Description'], _tags_of(shown)),
                (_trust('admin'), 3600, 'd', [('made-by', 'terraform')]), 'what was made')
    iam('UpdateAssumeRolePolicy', PolicyDocument=json.dumps(_trust('admin') | {'Id': 'x'}), **role)
    iam('UpdateRoleDescription', Description='e', **role)
    iam('UpdateRole', MaxSessionDuration=7200, **role)
    iam('PutRolePermissionsBoundary', PermissionsBoundary=arn, **role)
    iam('TagRole', Tags=_MORE, **role)
    iam('UntagRole', TagKeys=['made-by'], **role)
    shown = iam('GetRole', **role)['Role']
    check_equal((shown['MaxSessionDuration'], _tags_of(shown), shown['PermissionsBoundary']['PermissionsBoundaryArn']),
                (7200, [('team', 'db')], arn), 'what was changed')
    iam('DeleteRolePermissionsBoundary', **role)
    iam('PutRolePolicy', PolicyName='inline', PolicyDocument=json.dumps(_POLICY), **role)
    check_equal(iam('ListRolePolicies', **role)['PolicyNames'], ['inline'], 'inline policies')
    check_equal(iam('GetRolePolicy', PolicyName='inline', **role)['PolicyDocument'], _POLICY, 'aws_iam_role_policy')
    iam('AttachRolePolicy', PolicyArn=arn, **role)
    check_equal([p['PolicyArn'] for p in iam('ListAttachedRolePolicies', **role)['AttachedPolicies']], [arn],
                'aws_iam_role_policy_attachment')

    check_equal(iam('ListInstanceProfilesForRole', **role)['InstanceProfiles'], [], 'instance profiles')
    for policy in iam('ListAttachedRolePolicies', **role)['AttachedPolicies']:
        iam('DetachRolePolicy', PolicyArn=policy['PolicyArn'], **role)
    for name in iam('ListRolePolicies', **role)['PolicyNames']:
        iam('DeleteRolePolicy', PolicyName=name, **role)
    iam('DeleteRole', **role)
    _gone(aws, 'iam', 'GetRole', 'NoSuchEntity', **role)


def test_aws_ssm(t):
    """aws_ssm_activation and aws_ssm_document: made, read, changed, deleted; and whom the provider runs as"""
    ssm_resources(aws_support.of_stack(t.stack))


def ssm_resources(aws):
    """The calls for activations and documents, by `aws`."""
    def ssm(operation, **parameters):
        return aws.call('ssm', operation, **parameters)

    check_equal(aws.call('sts', 'GetCallerIdentity')['Account'], _ACCOUNT, 'aws_caller_identity')
    made = ssm('CreateActivation', DefaultInstanceName='tf', IamRole='service', RegistrationLimit=2, Tags=_TAGS,
               Description='d')['ActivationId']
    by_id = [{'FilterKey': 'ActivationIds', 'FilterValues': [made]}]
    shown = ssm('DescribeActivations', Filters=by_id)['ActivationList']
    check_equal([(a['IamRole'], a['RegistrationLimit'], a['Expired'], _tags_of(a)) for a in shown],
                [('service', 2, False, [('made-by', 'terraform')])], 'aws_ssm_activation')
    ssm('DeleteActivation', ActivationId=made)
    check_equal(ssm('DescribeActivations', Filters=by_id)['ActivationList'], [], 'an activation that is gone')

    def content(idle):
        return json.dumps({'schemaVersion': '1.0', 'description': 'd', 'sessionType': 'Standard_Stream',
                           'inputs': {'idleSessionTimeout': idle}})

    document = {'Name': 'TfDocument'}
    ssm('CreateDocument', Content=content('10'), DocumentFormat='JSON', DocumentType='Session', Tags=_TAGS, **document)

    def read():
        shown = ssm('DescribeDocument', **document)['Document']
        latest = ssm('GetDocument', DocumentFormat='JSON', DocumentVersion='$LATEST', **document)
        shared = ssm('DescribeDocumentPermission', PermissionType='Share', **document)
        check_equal(shared['AccountIds'], [], 'whom it is shared with')
        return shown, latest['Content']

    shown, text = read()
    check_equal((shown['Status'], shown['DocumentType'], shown['SchemaVersion'], shown['LatestVersion'],
                 _tags_of(shown), text),
                ('Active', 'Session', '1.0', '1', [('made-by', 'terraform')], content('10')), 'aws_ssm_document')
    version = ssm('UpdateDocument', Content=content('20'), DocumentFormat='JSON',
                  DocumentVersion=shown['DefaultVersion'], **document)['DocumentDescription']['DocumentVersion']
    ssm('UpdateDocumentDefaultVersion', DocumentVersion=version, **document)
    check_equal(aws.error('ssm', 'UpdateDocument', Content=content('20'), DocumentFormat='JSON',
                          DocumentVersion=version, **document)[0], 'DuplicateDocumentContent', 'the same again')
    shown, text = read()
    check_equal((shown['DefaultVersion'], shown['LatestVersion'], text), ('2', '2', content('20')), 'what was changed')
    owner = {'ResourceType': 'Document', 'ResourceId': 'TfDocument'}
    ssm('AddTagsToResource', Tags=_MORE, **owner)
    ssm('RemoveTagsFromResource', TagKeys=['made-by'], **owner)
    check_equal(_tags_of({'Tags': ssm('ListTagsForResource', **owner)['TagList']}), [('team', 'db')], 'tags')
    ssm('DeleteDocument', **document)
    _gone(aws, 'ssm', 'DescribeDocument', 'InvalidDocument', **document)
    _gone(aws, 'ssm', 'DescribeDocumentPermission', 'InvalidDocument', PermissionType='Share', **document)
