// The hub's --client-ca-file: the authorities that client certificates may come from, as of now. Follows what is published to it and keeps
// the last good content when that is not a bundle (k8s.io/apiserver dynamiccertificates: "missing content for CA bundle").

import { parseCertificate, type ParsedCertificate } from './parsed-certificate.ts';

export class ClientCa {
  /** PEM that is always trusted besides what is published: the administrators' CA. */
  readonly #fixedPem: string;
  #publishedPem = '';
  #authorities: readonly ParsedCertificate[] = [];
  #isHeld = false;
  #waiting: string | null = null;

  constructor(fixedPem: string) {
    this.#fixedPem = fixedPem;
    this.#authorities = readAuthorities(fixedPem);
  }

  get authorities(): readonly ParsedCertificate[] {
    return this.#authorities;
  }

  /** What was published and accepted last. */
  get pem(): string {
    return this.#publishedPem;
  }

  /** Returns whether the content was taken over. */
  publish(pem: string): boolean {
    if (this.#isHeld) {
      this.#waiting = pem;
      return false;
    }
    try {
      const published = readAuthorities(pem);
      if (published.length === 0) return false;
      this.#authorities = [...readAuthorities(this.#fixedPem), ...published];
    } catch {
      return false;
    }
    this.#publishedPem = pem;
    return true;
  }

  /** Stops following, as an instance whose cert-syncer lags does, until the returned function is called. */
  hold(): () => void {
    this.#isHeld = true;
    return () => {
      this.#isHeld = false;
      const waiting = this.#waiting;
      this.#waiting = null;
      if (waiting !== null) this.publish(waiting);
    };
  }
}

function readAuthorities(pem: string): readonly ParsedCertificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => parseCertificate(Buffer.from(block.replaceAll(/-----[A-Z ]+-----|\s/g, ''), 'base64')));
}
