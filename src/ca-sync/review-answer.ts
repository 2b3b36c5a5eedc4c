// What an API server's answer to the canary's SelfSubjectReview says about the signer. Pure. Takes nothing for acceptance but the canary's own name.

import { fieldOf } from '../https-exchange.ts';
import type { HttpsAnswer } from '../https-exchange.ts';
import type { Outcome } from './rotation-state.ts';

export interface ReviewOpinion {
  readonly outcome: Outcome;
  readonly detail: string;
}

/** Longest name of somebody else that goes into a log line. */
const MAX_NAME = 200;

export function judgeReview({ status, body }: Pick<HttpsAnswer, 'status' | 'body'>, user: string): ReviewOpinion {
  const answers = `the hub answers ${status} to a leaf of this signer`;
  switch (status) {
    case 201: {
      const name = fieldOf(body, 'status', 'userInfo', 'username');
      if (name === user) return { outcome: 'accepted', detail: `the hub accepts a leaf of this signer and calls it ${user}` };
      const taken = (JSON.stringify(name) ?? 'nothing').slice(0, MAX_NAME);
      return { outcome: 'unreachable', detail: `the hub takes the leaf for ${taken}: something between here and it ends TLS` };
    }
    case 401:
      return { outcome: 'rejected', detail: answers };
    // Hubs before 1.28 have no SelfSubjectReview of v1: they authenticate the canary, and then know no such resource or let nobody create it
    case 403:
    case 404:
      return isRefusalOf(user, body)
        ? { outcome: 'accepted', detail: `the hub knows no SelfSubjectReview, but it calls a leaf of this signer ${user}` }
        : {
            outcome: 'unreachable',
            detail: `${answers}, and not for ${user}: it saw no certificate, so something between here and it ends TLS`,
          };
    default:
      return { outcome: 'unreachable', detail: answers };
  }
}

/** k8s.io/apimachinery NewForbidden: `… is forbidden: User "<name>" cannot create resource …`. */
function isRefusalOf(user: string, body: string): boolean {
  const message = fieldOf(body, 'message');
  return fieldOf(body, 'kind') === 'Status' && typeof message === 'string' && message.includes(`User ${JSON.stringify(user)}`);
}
