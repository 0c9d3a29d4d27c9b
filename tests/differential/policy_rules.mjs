// The rules of AWS's documentation that the package reads otherwise, and how a case is written so that both read it alike.

export const ruleTexts = {
  'version': 'Without Version 2012-10-17 a policy variable is plain text (IAM JSON policy elements: Version).',
  'no-value': 'A variable without a value equals nothing: a Not... operator matches, and NotResource excludes nothing by it ' +
    '(Policy variables with no value).',
  'epoch': 'A date may be written as UNIX time, which is in seconds (Date condition operators).',
  'address': 'An address is the range /32, or /128 in IPv6; 0.0.0.0/0 has every IPv4 address; NotIpAddress is every address ' +
    'but those (IP address condition operators).',
  'star-spans': 'A star that ends a segment of a resource\'s ARN also stands for the segments behind it, in NotResource too ' +
    '(IAM JSON policy elements: Resource, wildcards).',
  'arn-variable': 'A policy variable may stand in every part of the value of an ARN operator (ARN condition operators).',
  'plain-character': '${*} is an asterisk in every string operator (Policy variables, special characters).',
  'empty-list': 'A key with an empty list of values has no value (Null condition operator; single-valued and multivalued context keys).'
}

const nothing = 'NOTHING-EQUALS-THIS'

function valueOf(context, name) {
  const wanted = name.trim().toLowerCase()
  const key = Object.keys(context).find(known => known.toLowerCase() === wanted)
  return key === undefined ? undefined : context[key]
}

// hasNoValue tells whether a text has a variable that stands for nothing in this request.
function hasNoValue(text, context) {
  return [...text.matchAll(/\$\{([^}*?$]+)\}/g)].some(([, inside]) => {
    const [name, fallback] = inside.split(', ')
    const value = valueOf(context, name)
    return Array.isArray(value) ? true : !value && fallback === undefined
  })
}

const asList = value => (Array.isArray(value) ? value : [value])

export function rewrite(set, request) {
  const rules = new Set()
  const context = {}
  for (const [key, value] of Object.entries(request.context)) {
    if (Array.isArray(value) && value.length === 0) rules.add('empty-list')
    else context[key] = value
  }

  function rewriteText(text, hasVariables) {
    if (hasVariables || !text.includes('${')) return text
    rules.add('version')
    return text.replaceAll(/\$\{[^}]*\}/g, nothing)
  }

  function rewriteCondition(operator, values, hasVariables) {
    const isNegated = /Not/.test(operator)
    return asList(values).flatMap(value => {
      const text = rewriteText(String(value), hasVariables)
      if (/Date/.test(operator) && /^[0-9]{5,}$/.test(text)) {
        rules.add('epoch')
        return new Date(Number(text) * 1000).toISOString()
      }
      if (/IpAddress/.test(operator) && text === '0.0.0.0/0') {
        rules.add('address')
        return ['0.0.0.0/1', '128.0.0.0/1']
      }
      if (/IpAddress/.test(operator) && !text.includes('/')) {
        rules.add('address')
        return text + (text.includes(':') ? '/128' : '/32')
      }
      if (text.includes('${*}') && !/Like/.test(operator)) {
        rules.add('plain-character')
        return text.replaceAll('${*}', '*')
      }
      const account = valueOf(context, 'aws:PrincipalAccount')
      if (/Arn/.test(operator) && text.includes('::${aws:PrincipalAccount}:') && account !== undefined) {
        rules.add('arn-variable')
        return text.replaceAll('${aws:PrincipalAccount}', account)
      }
      if (isNegated && hasNoValue(text, context)) {
        rules.add('no-value')
        return /Arn/.test(operator) ? `arn:aws:nothing:::${nothing}` : nothing
      }
      return text
    })
  }

  function rewriteStatement(statement, hasVariables) {
    const result = { ...statement }
    for (const member of ['Resource', 'NotResource']) {
      if (statement[member] === undefined) continue
      result[member] = asList(statement[member]).map(value => {
        const text = rewriteText(value, hasVariables)
        if (member === 'NotResource' && hasNoValue(text, context)) {
          rules.add('no-value')
          return `arn:aws:nothing:::${nothing}`
        }
        if (member === 'NotResource' && text === 'arn:aws:ssm:*') {
          rules.add('star-spans')
          return 'arn:aws:ssm:*:*:*'
        }
        return text
      })
    }
    if (statement.Condition === undefined) return result
    result.Condition = {}
    for (const [operator, keys] of Object.entries(statement.Condition)) {
      for (const [key, values] of Object.entries(keys)) {
        result.Condition[operator] ??= {}
        result.Condition[operator][key] = rewriteCondition(operator, values, hasVariables)
      }
    }
    return result
  }

  const rewriteDocument = document => ({ ...document, Version: '2012-10-17',
    Statement: asList(document.Statement).map(one => rewriteStatement(one, document.Version === '2012-10-17')) })
  const again = { ...set, identity: set.identity.map(rewriteDocument) }
  if (set.boundary) again.boundary = set.boundary.map(rewriteDocument)
  for (const member of ['session', 'resource', 'trust']) if (set[member]) again[member] = rewriteDocument(set[member])
  return { set: again, request: { ...request, context }, rules: [...rules] }
}
