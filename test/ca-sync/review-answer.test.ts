// What an API server's answer to the canary means, case by case.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeReview } from '../../src/ca-sync/review-answer.ts';

const USER = 'system:open-cluster-management:countersign-probe:canary';
const review = (username: unknown): string => JSON.stringify({ kind: 'SelfSubjectReview', status: { userInfo: { username } } });
const status = (message: string): string => JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', message });
/** k8s.io/apimachinery NewForbidden, of a hub before 1.28. */
const forbidden = (user: string): string =>
  status(
    `selfsubjectreviews.authentication.k8s.io is forbidden: User "${user}" cannot create resource "selfsubjectreviews" in API group "authentication.k8s.io" at the cluster scope`,
  );

const cases: readonly (readonly [string, number, string, string])[] = [
  ['accepts the canary by its name', 201, review(USER), 'accepted'],
  ['rejects it with 401', 401, status('Unauthorized'), 'rejected'],
  ['rejects it with 401 and a body that is no Status', 401, '<html>', 'rejected'],
  ['takes it for anonymous', 201, review('system:anonymous'), 'unreachable'],
  ['takes it for nobody', 201, review(undefined), 'unreachable'],
  ['answers with something that is no JSON', 201, 'It works!', 'unreachable'],
  ['answers 200, as an API server does not', 200, review(USER), 'unreachable'],
  ['is before 1.28 and lets nobody create a review, but names the canary', 403, forbidden(USER), 'accepted'],
  ['is before 1.28 and knows no such resource, but names the canary', 404, forbidden(USER), 'accepted'],
  ['forbids it to anonymous', 403, forbidden('system:anonymous'), 'unreachable'],
  ['forbids it to a name that only begins like the canary', 403, forbidden(`${USER}-2`), 'unreachable'],
  ['forbids it in a body that is no Status', 403, `{"message":"User \\"${USER}\\""}`, 'unreachable'],
  ['knows no such path', 404, status('the server could not find the requested resource'), 'unreachable'],
  ['sends elsewhere', 302, '', 'unreachable'],
  ['is overloaded', 429, status('Too many requests'), 'unreachable'],
  ['fails', 500, status('Internal error'), 'unreachable'],
];

for (const [name, code, body, outcome] of cases) {
  test(`the hub ${name}: ${outcome}`, () => {
    const opinion = judgeReview({ status: code, body }, USER);
    assert.equal(opinion.outcome, outcome);
    assert.ok(opinion.detail.includes(outcome === 'accepted' || code === 201 ? 'the hub' : `answers ${code}`), opinion.detail);
  });
}

test('quotes somebody else’s name, and not without end', () => {
  const { detail } = judgeReview({ status: 201, body: review(`a"b\n${'x'.repeat(10_000)}`) }, USER);
  assert.match(detail, /^the hub takes the leaf for "a\\"b\\nx+: something between here and it ends TLS$/);
  assert.ok(detail.length < 400);
});
