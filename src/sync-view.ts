// What an operator may see of ca-sync: plain data, never a key. Written by src/ca-sync, shown by src/admin and the commands. Times are epoch
// milliseconds, fingerprints lower-case hex of SHA-256 over the DER.

export interface SyncView {
  readonly source: 'kubernetes' | 'files';
  readonly signer: {
    readonly current: CurrentSigner | null;
    /** What the source holds, while that is not in use. */
    readonly candidate: CandidateSigner | null;
    readonly refused: Refused | null;
    readonly missing: Missing | null;
    /** Was current, has not ended; newest first. */
    readonly retiring: readonly RetiringSigner[];
  };
  readonly trust: {
    readonly current: {
      readonly fingerprint: string;
      readonly authorities: readonly CertificateSummary[];
      readonly skipped: readonly string[];
    } | null;
    readonly refused: Refused | null;
    readonly missing: Missing | null;
  };
  /** The newest answer of each hub endpoint that was asked, whichever signer was asked for; empty where the probe is off. */
  readonly probe: readonly ProbeAnswer[];
  /** The same, of the newest round about the current signer: what it says holds while another one is asked about. */
  readonly probeOfCurrent: readonly ProbeAnswer[];
  /** Since the start, by result. */
  readonly rotations: Readonly<Record<RotationResult, number>>;
  /** Failed reads of the source since the start, by reason. */
  readonly errors: Readonly<Record<string, number>>;
  /** When both were last read, whatever they held. */
  readonly lastSuccessMs: number | null;
  /** Why they cannot both be read now; null while they can. */
  readonly lastError: { readonly code: string; readonly detail: string; readonly sinceMs: number } | null;
}

/** `published`: after the hub accepted it, or with the probe off; `unproven`: in use without that; `refused`; `rolled-back`: taken out of use again. */
export type RotationResult = 'published' | 'unproven' | 'refused' | 'rolled-back';

export interface CertificateSummary {
  readonly subject: string;
  readonly serial: string;
  readonly fingerprintSHA256: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface CurrentSigner extends CertificateSummary {
  readonly generation: number;
  readonly window: 'not-valid-yet' | 'in-window' | 'ended';
  /** `accepted`: the hub took a leaf of it; `unproven`: it has not yet; `unasked`: the probe is off. */
  readonly proof: 'accepted' | 'unproven' | 'unasked';
}

export interface CandidateSigner extends CertificateSummary {
  /** `waiting`: not valid yet; `probing`: the hub is being asked. */
  readonly phase: 'waiting' | 'probing';
  readonly sinceMs: number;
  /** Why it is not in use yet, for a person. */
  readonly detail: string;
}

export interface RetiringSigner extends CertificateSummary {
  readonly generation: number;
  /** Hub sessions under it move at once: the hub does not trust it any more. */
  readonly withdrawn: boolean;
}

export interface ProbeAnswer {
  /** `https://host:port`. */
  readonly endpoint: string;
  readonly outcome: 'accepted' | 'rejected' | 'unreachable';
  readonly detail: string;
  readonly atMs: number;
  /** Of the signer whose leaf was shown. */
  readonly fingerprintSHA256: string;
}

export interface Refused {
  readonly code: string;
  readonly detail: string;
  readonly fingerprintSHA256: string;
  readonly sinceMs: number;
}

export interface Missing {
  readonly detail: string;
  readonly sinceMs: number;
}
