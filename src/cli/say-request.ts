// The explanation of a request in words: what it was read as, what decides, and, where nothing does, which rule came closest and what it missed.

import { printable, sayFacts } from './facts.ts';
import type { Facts } from './facts.ts';
import type { ExplainedBody, ExplainedRequest, RequestExplanation, RequestStage } from './request-explanation.ts';

const stages: Readonly<Record<RequestStage, string>> = {
  quarantine: 'quarantine (quarantine.clusters of the settings)',
  message: 'message (framing, target, headers: enforced in report mode too)',
  policy: 'policy',
  body: 'body',
};

export function sayRequestExplanation(explained: RequestExplanation): string {
  const { stage, refusal, message, detail, rule, closest, request, body } = explained;
  return sayFacts({
    request: sayVerdict(explained),
    ...(stage === null ? {} : { stage: stages[stage] }),
    ...(refusal === null ? {} : { refusal }),
    ...(rule === null ? {} : { rule }),
    ...(closest === null ? {} : { 'closest rule': `${closest.rule}: ${printable(closest.because)}` }),
    ...(request === null ? {} : sayRequest(request)),
    ...(body === null ? {} : sayBody(body)),
    ...(message === null ? {} : { 'the client is told': message }),
    ...(detail === null ? {} : { 'the audit says': printable(detail) }),
  });
}

function sayVerdict({ verdict, body }: RequestExplanation): string {
  const isEmpty = body?.isJudged === true && body.bytes === 0 ? ' (judged with an empty body; --body FILE gives one)' : '';
  switch (verdict) {
    case 'allow':
      return `allowed${isEmpty}`;
    case 'deny':
      return `refused${isEmpty}`;
    case 'would-deny':
      return `let through, for inspect.mode is report; enforce would refuse it${isEmpty}`;
  }
}

function sayRequest(request: ExplainedRequest): Facts {
  if (!request.isResource) return { 'read as': `${request.verb} ${printable(request.path)} (no resource)` };
  const { verb, apiGroup, apiVersion, resource, subresource, namespace, name, labelSelector, fieldSelector, scope } = request;
  const group = apiGroup === '' ? 'the core group' : apiGroup;
  const where = namespace === '' ? 'cluster scope' : `namespace ${namespace}`;
  return {
    'read as': `${verb === '' ? 'no verb' : verb} ${resource}${subresource === '' ? '' : `/${subresource}`} of ${group} ${apiVersion}, ${where}${name === '' ? '' : `, name ${name}`}`,
    scope: scope === 'unknown' ? 'not known' : scope,
    ...(labelSelector === null ? {} : { 'label selector': printable(labelSelector) }),
    ...(fieldSelector === null ? {} : { 'field selector': printable(fieldSelector) }),
  };
}

/** JSON pointers shown; a patch may touch thousands. */
const MOST_POINTERS = 12;

function sayBody({ bytes, mostBytes, isJudged, read }: ExplainedBody): Facts {
  const body = `${bytes} bytes, ${mostBytes} allowed; ${isJudged ? 'judged' : 'counted on its way, not looked at'}`;
  if (read === null) return { body };
  const { kind, mediaType, stated, touched, csr } = read;
  const name = [stated.apiVersion, stated.kind, stated.namespace, stated.name].filter((one) => one !== null).join(' ');
  const pointers = touched.slice(0, MOST_POINTERS).map(printable);
  if (touched.length > MOST_POINTERS) pointers.push(`and ${touched.length - MOST_POINTERS} more`);
  return {
    body,
    'body is': `${kind}, ${mediaType}${name === '' ? '' : `: ${printable(name)}`}`,
    ...(pointers.length === 0 ? {} : { touches: pointers.join('\n') }),
    ...(csr === null ? {} : sayRequestedCertificate(csr)),
  };
}

function sayRequestedCertificate(csr: NonNullable<NonNullable<ExplainedBody['read']>['csr']>): Facts {
  const { user, groups, signerName, usages, dnsNames, otherNames, keyType, labels } = csr;
  return {
    'asks for user': printable(user),
    'asks for groups': printable(groups.join(', ')),
    'of signer': printable(`${signerName}, for ${usages.join(', ')}; key ${keyType}`),
    'other names': printable([...dnsNames, ...otherNames].join(', ')) || 'none',
    labels:
      printable(
        Object.entries(labels)
          .map(([key, value]) => `${key}=${value}`)
          .join(', '),
      ) || 'none',
  };
}
