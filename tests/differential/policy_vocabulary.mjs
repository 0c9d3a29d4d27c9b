// What the random policies and requests of generate_policy_cases.mjs are made of.

export const account = '123456789012'
export const user = `arn:aws:iam::${account}:user/alice`
export const role = `arn:aws:iam::${account}:role/Ops`
export const roleSession = `arn:aws:sts::${account}:assumed-role/Ops/shift`

const node = name => `arn:aws:ssm:us-east-1:${account}:managed-instance/${name}`
const document = name => `arn:aws:ssm:us-east-1:${account}:document/${name}`
const session = name => `arn:aws:ssm:us-east-1:${account}:session/${name}`

// Requests: an action, and the resources that it is asked for.
export const requests = {
  'ssm:StartSession': [node('mi-0a1'), node('mi-0a2'), node('mi-1b1'), document('SSM-SessionManagerRunShell'),
    'arn:aws:ssm:us-east-1::document/AWS-StartSSHSession'],
  'ssm:ResumeSession': [session('alice-0a1'), session('bob-0a1')],
  'ssm:TerminateSession': [session('alice-0a1'), session('alice-admin-0a1')],
  'ssm:GetDocument': [document('SSM-SessionManagerRunShell'), document('Restart-Web')],
  'ssm:DescribeSessions': [`arn:aws:ssm:eu-west-1:${account}:session/every`],
  'ssm:AddTagsToResource': [node('mi-0a1'), document('Restart-Web')],
  'iam:CreateUser': [`arn:aws:iam::${account}:user/dev/carol`, user],
  'iam:GetUser': [user],
  'cloudtrail:LookupEvents': [`arn:aws:cloudtrail:us-east-1:${account}:trail/main`]
}

// Those of them whose action and resource the package knows to belong together.
export const checkedRequests = {
  'ssm:StartSession': [node('mi-0a1'), node('mi-0a2'), node('mi-1b1')],
  'ssm:TerminateSession': [session('alice-0a1'), session('alice-admin-0a1')],
  'ssm:GetDocument': [document('SSM-SessionManagerRunShell'), document('Restart-Web')],
  'iam:GetUser': [user]
}

export const actionPatterns = ['*', 'ssm:*', 'ssm:StartSession', 'SSM:startsession', 'ssm:*Session', 'ssm:Start*',
  'ssm:????Document', 'ssm:ResumeSession', 'ssm:TerminateSession', 'ssm:Describe*', 'ssm:GetDocument',
  'ssm:AddTagsToResource', 'iam:*', 'iam:Get*', 'iam:CreateUser', 'cloudtrail:LookupEvents', 'ssm:R*m*Session']

export const resourcePatterns = ['*', 'arn:aws:ssm:*', `arn:aws:ssm:us-east-1:${account}:managed-instance/*`,
  node('mi-0a1'), node('mi-0a?'), node('mi-0*'), node('mi-*1'), node('MI-0a1'), 'arn:aws:ssm:*:*:managed-instance/*',
  `arn:aws:ssm:*:${account}:document/*`, document('SSM-SessionManagerRunShell'), 'arn:aws:ssm:*::document/AWS-Start*',
  `arn:aws:ssm:us-*:${account}:session/*`, 'arn:aws:ssm:*:*:session/${aws:username}-*',
  `arn:aws:ssm:us-east-1:${account}:session/\${aws:PrincipalTag/team, 'alice'}-*`, session('alice-0a1'),
  `arn:aws:iam::${account}:user/\${aws:username}`, `arn:aws:iam::${account}:user/*`, 'arn:aws:iam::*:user/dev/*',
  `arn:*:ssm:us-east-1:${account}:document/Restart-???`, 'arn:aws:cloudtrail:*:*:trail/*',
  'arn:aws:ssm:*:*:managed-instance/${ssm:resourceTag/name}', 'arn:aws:ssm:*:*:document/*-${aws:PrincipalTag/team}']

const dates = ['2026-11-26T08:00:00Z', '2026-11-27T09:30:00Z', '2026-11-27T09:30:00.500Z', '2026-11-27T10:30:00+01:00',
  '2026-11-27', '2026-12', '2026-11-27T09:30Z', '2027-01-01T00:00:00Z']
const networks = ['10.0.0.0/8', '10.1.2.3', '10.1.2.0/24', '192.0.2.128/25', '0.0.0.0/0', '2001:db8::/32', '2001:db8::1',
  '2001:db8:0:1::/64', '::/0', '10.1.2.3/32']
const arns = [user, role, roleSession, `arn:aws:iam::${account}:user/dev/carol`]
const arnPatterns = [...arns, `arn:aws:iam::${account}:user/*`, 'arn:aws:iam::*:role/Op?', 'arn:*:sts::*:assumed-role/*/*',
  'arn:aws:iam::123456*:user/a*', 'arn:aws:iam::${aws:PrincipalAccount}:user/*', `arn:aws:iam::${account}:user/\${aws:username}`,
  'arn:aws:s3:::bucket/*', `arn:aws:iam:*:${account}:*`]

// Condition keys: kind decides the operators; values are what a request has, patterns what a policy compares with.
export const keys = {
  'aws:username': { kind: 'string', values: ['alice', 'bob', 'alice-admin'] },
  'aws:userid': { kind: 'string', values: ['AIDA1', 'AROA1:shift'] },
  'aws:PrincipalTag/team': { kind: 'string', values: ['db', 'web', 'alice', 'd*', ''] },
  'aws:PrincipalAccount': { kind: 'string', values: [account] },
  'aws:PrincipalArn': { kind: 'arn', values: arns, patterns: arnPatterns },
  'aws:SourceIp': { kind: 'ip', values: ['10.1.2.3', '10.1.2.4', '192.0.2.200', '2001:db8::1', '2001:db8:0:1::5'], patterns: networks },
  'aws:CurrentTime': { kind: 'date', values: ['2026-11-27T09:30:00Z', '2026-11-27T09:30:00.500Z', '2026-11-27T00:00:00Z', '2026-12-01T00:00:00Z'], patterns: dates },
  'aws:TokenIssueTime': { kind: 'date', values: ['2026-11-26T08:00:00Z', '2026-11-27T09:30:00Z'], patterns: dates },
  'aws:MultiFactorAuthPresent': { kind: 'bool', values: ['true', 'false'] },
  'aws:SecureTransport': { kind: 'bool', values: ['true', 'false'] },
  'aws:MultiFactorAuthAge': { kind: 'number', values: ['0', '60', '3600', '3600.5'], patterns: ['0', '60', '3600', '3600.50', '-1', '900'] },
  'aws:RequestedRegion': { kind: 'string', values: ['us-east-1', 'eu-west-1'] },
  'aws:TagKeys': { kind: 'string', many: true, values: ['env', 'team', 'owner', 'cost-center'] },
  'aws:RequestTag/env': { kind: 'string', values: ['prod', 'dev'] },
  'aws:ResourceTag/env': { kind: 'string', values: ['prod', 'dev', 'Prod'] },
  'ssm:resourceTag/env': { kind: 'string', values: ['prod', 'dev', 'staging'] },
  'ssm:resourceTag/name': { kind: 'string', values: ['mi-0a1', 'mi-0a*', 'Web'] },
  'ssm:SessionDocumentAccessCheck': { kind: 'bool', values: ['true', 'false'] },
  'ssm:DocumentType': { kind: 'string', values: ['Session', 'Command'] },
  'ssm:Recursive': { kind: 'bool', values: ['true', 'false'] },
  'adit:RemoteHost': { kind: 'string', values: ['db.internal', 'web.internal', '10.0.0.5'] },
  'adit:RemotePort': { kind: 'number', values: ['22', '5432', '3389'], patterns: ['22', '1024', '5432', '3389.0'] },
  'adit:SessionType': { kind: 'string', values: ['Standard_Stream', 'Port', 'InteractiveCommands'] },
  'adit:RunAsUser': { kind: 'string', values: ['root', 'ops', 'Ops'] },
  'adit:ForwardAddresses': { kind: 'ip', many: true, values: ['10.1.2.3', '10.9.9.9', '192.0.2.1'], patterns: networks },
  'adit:ForwardPorts': { kind: 'number', many: true, values: ['22', '443', '5432'], patterns: ['22', '443', '1024', '5432'] },
  'adit:Approvers': { kind: 'arn', many: true, values: arns, patterns: arnPatterns },
  'adit:NodeKeyHash': { kind: 'binary', values: ['QURJVA==', 'AAEC', '//79'], patterns: ['QURJVA==', 'AAEC', 'Zm9v'] }
}

// Keys that the service's own list has for trust policies, beside the global ones.
export const trustKeys = { 'sts:ExternalId': { kind: 'string', values: ['partner-1', 'partner-2'] } }

export const operators = {
  string: ['StringEquals', 'StringNotEquals', 'StringEqualsIgnoreCase', 'StringNotEqualsIgnoreCase', 'StringLike', 'StringNotLike'],
  number: ['NumericEquals', 'NumericNotEquals', 'NumericLessThan', 'NumericLessThanEquals', 'NumericGreaterThan', 'NumericGreaterThanEquals'],
  date: ['DateEquals', 'DateNotEquals', 'DateLessThan', 'DateLessThanEquals', 'DateGreaterThan', 'DateGreaterThanEquals'],
  bool: ['Bool'],
  binary: ['BinaryEquals'],
  ip: ['IpAddress', 'NotIpAddress'],
  arn: ['ArnEquals', 'ArnLike', 'ArnNotEquals', 'ArnNotLike']
}

export const variables = ['${aws:username}', '${aws:userid}', '${aws:PrincipalTag/team}', '${AWS:principaltag/TEAM}',
  "${aws:PrincipalTag/team, 'web'}", '${ssm:resourceTag/env}', "${ssm:resourceTag/env, 'prod'}", '${aws:TagKeys}']
