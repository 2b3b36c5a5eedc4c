// What a case of the compliance test is once it has been read: who asks, of what, and what has to come of it. Plain data.

import type { FaultCause, RefusalRule } from '../errors.ts';
import type { PackName } from '../pack-names.ts';
import type { ExtensionRecipe, KeyUsageName } from './pki/certificate.ts';
import type { SigningRequestPlan } from './pki/certificate-request.ts';
import type { KeyType } from './pki/key.ts';
import type { NameRecipe } from './pki/name.ts';
import type { PromiseId } from './promises.ts';

export interface ComplianceCase {
  /** The file's name; of a pack's test `pack/<pack>/<words>`. Never changes. */
  readonly id: string;
  readonly promise: PromiseId;
  /** Row of facts/klusterlet-traffic.md §6; null: none. */
  readonly threat: string | null;
  /** A sentence. */
  readonly shows: string;
  readonly given: CaseGiven;
  readonly when: CaseAct;
  readonly neighbour: CaseNeighbour | null;
  /** Where it is written down: `file:line`. */
  readonly source: string;
  /** Why it cannot run over sockets; null: it can. */
  readonly notApplicable: string | null;
  /** Beyond which it has hung. */
  readonly deadlineMs: number;
}

export type CaseAct =
  | { readonly kind: 'request'; readonly request: CaseRequest; readonly expected: Expectation }
  | { readonly kind: 'steps'; readonly steps: readonly CaseStep[] };

/** As like the case as can be, and let through. */
export interface CaseNeighbour {
  /** Where it is another one's. */
  readonly identity: IdentityRecipe | null;
  readonly request: CaseRequest;
  readonly expected: Expectation;
}

export interface CaseGiven {
  readonly identity: IdentityRecipe;
  /** Further ones, for steps. */
  readonly identities: Readonly<Record<string, IdentityRecipe>>;
  readonly packs: readonly PackName[];
  /** Further settings of Countersign. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Written beside the settings file: own policies, for one. */
  readonly files: Readonly<Record<string, string>>;
  readonly hub: HubState;
}

export interface HubState {
  /** everybody: RBAC allows all to all, so that what is refused is refused by Countersign alone. ocm: as OCM sets it up. */
  readonly rbac: 'everybody' | 'ocm';
  readonly signerKey: 'rsa-2048' | 'ec-p256' | 'ec-p384';
  readonly http2: boolean;
  /** Concurrent streams of one HTTP/2 connection. */
  readonly maxStreams: number;
  readonly clusters: readonly string[];
  /** Taken away before the proxy starts. */
  readonly without: readonly ('signer' | 'trust' | 'token-keys')[];
  /** What stands where `hub.url` points: the hub, or something that is not one. */
  readonly behind: 'hub' | 'nothing' | 'silence' | 'stranger' | 'garbage';
  /** Done to each request of an agent in place of an answer. */
  readonly misbehaves: HubMisbehaviour | null;
}

export type HubMisbehaviour =
  | { readonly kind: 'refuse-stream' | 'reset-stream' | 'destroy-connection' | 'silence' }
  | { readonly kind: 'answer'; readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string }
  | { readonly kind: 'flood'; readonly bytes: number; readonly cutAfterBytes?: number };

export type IdentityRecipe =
  | { readonly kind: 'klusterlet'; readonly cluster: string; readonly agent?: string | undefined }
  /** Of cluster-proxy the certificate names no cluster. */
  | { readonly kind: 'addon'; readonly cluster: string | null; readonly addon: string; readonly agent?: string | undefined }
  /** Any user and groups, written as kube-controller-manager writes them. */
  | {
      readonly kind: 'certificate';
      readonly user: string;
      readonly groups: readonly string[];
      readonly signedBy: 'csr-signer' | 'stranger';
    }
  /** A certificate as a file of fixtures/pki describes it. */
  | { readonly kind: 'recipe'; readonly recipe: string }
  /** The hub's own `system:masters` certificate. */
  | { readonly kind: 'administrator' }
  /** No certificate, and the token of the account with which the cluster is imported, or of any account. */
  | { readonly kind: 'bootstrap'; readonly cluster: string }
  | {
      readonly kind: 'service-account';
      readonly namespace: string;
      readonly name: string;
      /** From now; left out: now, and 360 days. */
      readonly fromMs?: number | undefined;
      readonly lifetimeMs?: number | undefined;
    }
  /** As it stands behind `Bearer`, so many times. */
  | { readonly kind: 'token'; readonly token: string; readonly times: number }
  | { readonly kind: 'none' };

/** How a certificate is made that tests need and no authority would issue. */
export interface CertificateRecipe {
  readonly id: string;
  readonly says: string;
  readonly subject: { readonly user: string; readonly groups: readonly string[] } | NameRecipe;
  readonly signedBy: Signatory;
  readonly key: KeyType;
  /** From now, milliseconds. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly isAuthority: boolean;
  readonly pathLength: number | null;
  readonly keyUsage: readonly KeyUsageName[];
  readonly extendedKeyUsage: readonly string[] | null;
  readonly extensions: readonly ExtensionRecipe[];
  readonly brokenSignature: boolean;
}

/**
 * csr-signer and csr-signer-signer are the hub's; stranger is nobody's; impostor has the signer's name and another key; intermediate is a CA below
 * the signer, sent along, whose own recipe `intermediate` is.
 */
export type Signatory =
  | 'csr-signer'
  | 'csr-signer-signer'
  | 'stranger'
  | 'impostor'
  | 'itself'
  | { readonly intermediate: Omit<CertificateRecipe, 'id' | 'says'> };

export type Wire = 'h2' | 'http/1.1';

/** Exactly one of `request`, `csr`, `raw` and `frames`; at most one kind of body. */
export interface CaseRequest {
  /** `METHOD target`, the target as it goes out. */
  readonly request?: string | undefined;
  /** A list of values is that many header lines. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly trailers?: Readonly<Record<string, string>> | undefined;
  /** Sent as JSON; as the protobuf of its apiVersion and kind where `as` says so. */
  readonly body?: unknown;
  readonly as: 'json' | 'protobuf';
  /** Sent as it is. */
  readonly text?: string | undefined;
  readonly base64?: string | undefined;
  /** What is too long to be written down. */
  readonly repeat?: { readonly before: string; readonly text: string; readonly times: number; readonly after: string } | undefined;
  /** A CertificateSigningRequest that is made for the case. */
  readonly csr?: (SigningRequestPlan & { readonly as: 'json' | 'protobuf' }) | undefined;
  /** Bytes over HTTP/1.1 and TLS; {{host}} stands for host and port, {{x*9000}} for so many x. */
  readonly raw?: string | undefined;
  /** After `raw`: the client waits, ends its side, or breaks off. */
  readonly afterwards: 'wait' | 'end' | 'destroy';
  /** Frames over HTTP/2, behind preface and SETTINGS. */
  readonly frames?: readonly FrameRecipe[] | undefined;
  /** Left out: both, where neither raw nor frames. */
  readonly over?: readonly Wire[] | undefined;
  /** How often it is sent; the last time counts. */
  readonly times: number;
}

/** One HTTP/2 frame, or so many of them. */
export interface FrameRecipe {
  readonly type:
    | 'headers'
    | 'continuation'
    | 'data'
    | 'rst-stream'
    | 'settings'
    | 'ping'
    | 'goaway'
    | 'window-update'
    | 'priority'
    | 'push-promise'
    | 'unknown';
  readonly stream: number;
  /** Names and values, literally; `{{host}}` and `{{x*9000}}` as in raw. */
  readonly fields?: readonly (readonly [string, string])[] | undefined;
  readonly text?: string | undefined;
  readonly hex?: string | undefined;
  readonly endStream: boolean;
  readonly endHeaders: boolean;
  readonly ack: boolean;
  readonly times: number;
}

export interface Expectation {
  readonly status?: number | undefined;
  readonly rule?: RefusalRule | undefined;
  /** Any of these, each with its own status: where several judgements refuse the same thing. */
  readonly rules?: readonly RefusalRule[] | undefined;
  readonly cause?: FaultCause | undefined;
  /** Whether the hub's socket receives it. Then with the same identity, target and bytes as it was sent, unless said otherwise here. */
  readonly reachesHub: boolean;
  /** How often the hub receives it. */
  readonly hubReceives: number;
  /** Ends without an answer: the exchange alone, by a reset or by closing, or the whole connection, with GOAWAY or so fast that none arrives. */
  readonly ends?: 'closed' | 'reset' | 'connection' | undefined;
  /** Stands in the answer's body. */
  readonly contains?: string | undefined;
  readonly answerHeaders: Readonly<Record<string, string | null>>;
  /** At the hub: null: absent. */
  readonly hubHeaders: Readonly<Record<string, string | null>>;
  readonly hubTarget?: string | undefined;
  readonly hubUser?: string | undefined;
  readonly hubGroups?: readonly string[] | undefined;
  /** False: the hub got less of the body than was promised. */
  readonly hubBodyComplete: boolean;
}

export interface AskStep {
  readonly identity: string | null;
  /** A connection that stays open, by its name. */
  readonly on: string | null;
  readonly to: 'proxy' | 'hub' | 'opening-proxy';
  readonly request: CaseRequest;
  readonly expected: Expectation;
  /** Asked again until it comes out so. */
  readonly withinMs: number;
}

export type CaseStep =
  | { readonly kind: 'ask'; readonly ask: AskStep }
  | {
      readonly kind: 'watch';
      readonly watch: { readonly name: string; readonly identity: string | null; readonly over: Wire; readonly target: string };
    }
  | { readonly kind: 'event'; readonly event: { readonly watch: string; readonly withinMs: number } }
  | { readonly kind: 'ends'; readonly ends: { readonly watch: string; readonly how: 'cleanly' | 'cut'; readonly withinMs: number } }
  | { readonly kind: 'open'; readonly open: string }
  | { readonly kind: 'connect'; readonly connect: { readonly identity: string | null; readonly count: number } }
  | {
      readonly kind: 'rotate';
      readonly rotate: { readonly order: 'trust-first' | 'secret-first'; readonly trustDelayMs: number; readonly newRoot: boolean };
    }
  | { readonly kind: 'hub'; readonly hub: HubAct }
  | { readonly kind: 'settings'; readonly settings: Readonly<Record<string, unknown>> }
  | { readonly kind: 'signal'; readonly signal: 'SIGTERM' | 'SIGHUP' }
  | { readonly kind: 'exits'; readonly exits: { readonly code: number; readonly withinMs: number } }
  | { readonly kind: 'logs'; readonly logs: { readonly event: string; readonly withinMs: number } }
  | { readonly kind: 'secrets'; readonly secrets: 'nowhere' };

export type HubAct =
  | { readonly kind: 'misbehaves'; readonly misbehaves: HubMisbehaviour | null }
  | { readonly kind: 'does'; readonly does: HubDeed }
  | {
      readonly kind: 'request';
      readonly request: { readonly method: string; readonly target: string; readonly body?: unknown };
    };

export const hubDeeds = [
  'go-away',
  'cut',
  'hold-trust',
  'release-trust',
  'republish-bundle',
  'forget-old-signers',
  'rotate-token-key',
  'forget-token-keys',
] as const;
export type HubDeed = (typeof hubDeeds)[number];
