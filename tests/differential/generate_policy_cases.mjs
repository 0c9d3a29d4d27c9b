// Makes random policies and requests, and asks the npm package @cloud-copilot/iam-simulate for their verdicts.
//
//   node generate_policy_cases.mjs PACKAGE_FOLDER SEED COUNT CASES EXPLAINED
//
// PACKAGE_FOLDER is where the package is installed. CASES becomes one line of JSON for each set of policies, with the
// requests that were asked and the package's verdicts. EXPLAINED becomes one line for each case in which the package does
// not follow AWS's documentation: the same case was written without what the package reads otherwise
// (policy_rules.mjs), asked again, and had another verdict. That verdict is the one that Adit must give.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { rewrite, ruleTexts } from './policy_rules.mjs'
import * as words from './policy_vocabulary.mjs'

const [folder, seed, count, casesFile, explainedFile] = process.argv.slice(2)
const entry = join(folder, 'node_modules/@cloud-copilot/iam-simulate/dist/esm/index.js')
const { runSimulation, runUnsafeSimulation } = await import(pathToFileURL(entry))

// mulberry32: the same cases from the same seed, everywhere.
let state = Number(seed) >>> 0
function random() {
  state = (state + 0x6d2b79f5) >>> 0
  let t = Math.imul(state ^ (state >>> 15), state | 1)
  t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}
const chance = share => random() < share
const pick = list => list[Math.floor(random() * list.length)]
const some = (list, max) => Array.from({ length: 1 + Math.floor(random() * max) }, () => pick(list))
const oneOrList = list => (list.length === 1 && chance(0.6) ? list[0] : list)

function withWildcards(text) {
  const from = Math.floor(random() * (text.length + 1))
  const to = from + Math.floor(random() * (text.length - from + 1))
  return text.slice(0, from) + (chance(0.7) ? '*' : '?') + text.slice(to)
}

// Half of what a policy says is taken from what will be asked, so that all three verdicts are common.
function policyValue(key, operator, asked) {
  if (key.kind === 'bool') return chance(0.2) ? pick(['TRUE', 'False']) : pick(['true', 'false'])
  if (key.kind === 'date' && chance(0.1)) return '1795771800'
  if (key.kind !== 'string') return pick(key.patterns)
  const known = [asked].flat().filter(value => value !== undefined)
  if (chance(0.12)) return pick(words.variables) + (operator.includes('Like') && chance(0.3) ? '*' : '')
  const value = known.length > 0 && chance(0.5) ? pick(known) : pick(key.values)
  if (chance(0.02)) return value + '${*}'
  if (operator.includes('Like') && chance(0.7)) return withWildcards(value)
  return operator.includes('IgnoreCase') && chance(0.5) ? value.toUpperCase() : value
}

function condition(keys, keyNames, asked) {
  const name = pick(keyNames)
  const key = keys[name]
  const spelled = chance(0.1) ? name.toUpperCase() : name
  if (chance(0.1)) return ['Null', spelled, pick(['true', 'false'])]
  const operator = pick(words.operators[key.kind])
  const values = some([0], 3).map(() => policyValue(key, operator, asked.context[name]))
  const quantified = chance(key.many ? 0.85 : 0.06)
  const prefix = quantified ? pick(['ForAllValues:', 'ForAnyValue:']) : ''
  return [prefix + operator + (chance(0.2) ? 'IfExists' : ''), spelled, oneOrList([...new Set(values)])]
}

function resourceLike(resource) {
  if (chance(0.5) || !resource.includes('/')) return resource
  return resource.slice(0, resource.lastIndexOf('/') + 1 + Math.floor(random() * 4)) + '*'
}

function statement(keys, keyNames, kind, requests, denyShare = 0.2) {
  const asked = pick(requests)
  const actions = () => (chance(0.45) ? asked.action : pick(words.actionPatterns))
  const resources = () => (chance(0.45) ? resourceLike(asked.resource) : pick(words.resourcePatterns))
  const result = { Effect: chance(denyShare) ? 'Deny' : 'Allow' }
  if (kind === 'trust') {
    result.Action = pick(['sts:AssumeRole', 'sts:*', 'sts:TagSession', 'sts:Assume*'])
  } else {
    result[chance(0.12) ? 'NotAction' : 'Action'] = oneOrList(some([0], 3).map(actions))
    result[chance(0.12) ? 'NotResource' : 'Resource'] = oneOrList(some([0], 3).map(resources))
  }
  for (let wanted = chance(0.35) ? 0 : 1 + Math.floor(random() * 2); wanted > 0; --wanted) {
    const [operator, key, values] = condition(keys, keyNames, asked)
    result.Condition ??= {}
    result.Condition[operator] ??= {}
    const taken = Object.keys(result.Condition[operator]).map(name => name.toLowerCase())
    if (!taken.includes(key.toLowerCase())) result.Condition[operator][key] = values
  }
  return result
}

function document(statements) {
  const version = chance(0.95) ? '2012-10-17' : pick(['2008-10-17', undefined])
  return { ...(version && { Version: version }), Statement: oneOrList(statements) }
}

const documents = (keys, names, requests, documentsMax, denyShare) => Array.from(
  { length: 1 + Math.floor(random() * documentsMax) },
  () => document(some([0], 3).map(() => statement(keys, names, 'identity', requests, denyShare))))

// A session's own ARN is named only where no session policy is: there the package limits what AWS does not.
function principal(isRole, hasSessionPolicy, effect) {
  const aws = isRole ? [words.role, ...(hasSessionPolicy ? [] : [words.roleSession])] : [words.user]
  const others = [words.account, `arn:aws:iam::${words.account}:root`, `arn:aws:iam::${words.account}:user/bob`,
    '210987654321']
  const value = pick(['*', { AWS: '*' }, { AWS: pick(aws) }, { AWS: pick(aws) }, { AWS: some([...aws, ...others], 2) },
    { AWS: pick(others) }, { Service: 'ssm.amazonaws.com' }])
  return effect === 'Deny' && chance(0.3) ? { NotPrincipal: value } : { Principal: value }
}

function context(keys, names) {
  const result = {}
  for (const name of names) {
    const key = keys[name]
    if (!chance(0.75)) continue
    if (key.many) result[name] = [...new Set(some(key.values, 3))]
    else result[name] = pick(key.values)
    // One value of a key that may have several counts as one: AWS goes by the request.
    if (key.many && result[name].length === 1) result[name] = chance(0.5) ? result[name][0] : []
  }
  return result
}

function makeSet() {
  const isRole = chance(0.4)
  const shape = pick(['identity', 'identity', 'identity', 'identity', 'boundary', 'boundary', 'session', 'resource', 'trust'])
  const keys = shape === 'trust' ? { ...words.keys, ...words.trustKeys } : words.keys
  let names = Object.keys(keys)
  // These are asked with the package's own checks, which know neither our keys nor other services'.
  const isChecked = shape === 'session' || shape === 'resource' || shape === 'trust'
  if (isChecked) names = names.filter(name => name.startsWith('aws:') && !/Tag|^aws:userid/.test(name))
  if (shape === 'trust') names.push('sts:ExternalId')
  // A few keys for each set, so that conditions and contexts meet.
  names = [...new Set(some(names, 6))]
  const requests = Array.from({ length: 3 }, () => {
    const asked = isChecked ? words.checkedRequests : words.requests
    const action = shape === 'trust' ? 'sts:AssumeRole' : pick(Object.keys(asked))
    return { action, resource: shape === 'trust' ? words.role : pick(asked[action]), context: context(keys, names) }
  })
  const set = { who: isRole ? words.roleSession : words.user, identity: documents(keys, names, requests, 3), requests }
  if (shape === 'boundary' || chance(0.05)) set.boundary = documents(keys, names, requests, 1, 0.1)
  if (isRole && (shape === 'session' || (isChecked && chance(0.2)))) set.session = documents(keys, names, requests, 1, 0.1)[0]
  if (shape === 'resource' || shape === 'trust') {
    const statements = some([0], 2).map(() => {
      const made = statement(keys, names, shape, requests)
      return { ...made, ...principal(isRole, set.session !== undefined, made.Effect) }
    })
    set[shape] = document(statements)
  }
  set.checked = isChecked
  return set
}

async function ask(set, request) {
  const named = (policies, name) => policies.map((policy, index) => ({ name: name + index, policy }))
  const simulation = {
    request: { principal: set.who, action: request.action, contextVariables: request.context,
      resource: { resource: request.resource, accountId: words.account } },
    identityPolicies: named(set.identity, 'identity'), serviceControlPolicies: [], resourceControlPolicies: [],
    ...(set.boundary && { permissionBoundaryPolicies: named(set.boundary, 'boundary') }),
    ...(set.session && { sessionPolicy: set.session }),
    ...((set.resource ?? set.trust) && { resourcePolicy: set.resource ?? set.trust })
  }
  // Without its checks the package takes no resource's and no session's policy; with them it knows no keys of ours.
  if (!set.checked) return runUnsafeSimulation(simulation, {})
  const result = await runSimulation(simulation, {})
  if (result.resultType !== 'single') throw new Error(JSON.stringify(result.errors))
  if (result.result.ignoredContextKeys.length > 0) throw new Error(`ignored: ${result.result.ignoredContextKeys}`)
  return result.overallResult
}

const short = { Allowed: 'A', ExplicitlyDenied: 'D', ImplicitlyDenied: 'I' }
const lines = []
const explained = []
const seen = { A: 0, D: 0, I: 0 }
let number = 0
while (number < Number(count)) {
  const set = makeSet()
  for (const request of set.requests) {
    request.verdict = short[await ask(set, request)]
    const again = rewrite(set, request)
    const verdict = again.rules.length === 0 ? request.verdict : short[await ask(again.set, again.request)]
    if (verdict !== request.verdict) explained.push(`${number} ${request.verdict} ${verdict} ${again.rules.join(',')}`)
    ++seen[verdict]
    ++number
  }
  delete set.checked
  lines.push(JSON.stringify(set))
}
writeFileSync(casesFile, lines.join('\n') + '\n')
const rules = Object.entries(ruleTexts).map(([name, text]) => `# ${name}: ${text}`)
writeFileSync(explainedFile, ['# Case, the package\'s verdict, the documented one, and the rules of AWS\'s documentation by which they differ.',
  ...rules, ...explained].join('\n') + '\n')
console.log(`${number} cases in ${lines.length} sets; allowed ${seen.A}, explicitly denied ${seen.D}, implicitly denied ${seen.I}; ` +
  `${explained.length} explained`)
