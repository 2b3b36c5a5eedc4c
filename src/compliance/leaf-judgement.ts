// Whether a certificate that the hub received is what the promises allow: judged with Node's X509Certificate and by comparing octets, against the
// client's certificate and the hub's signer. The product's own certificate code has no part in it.

import { X509Certificate } from 'node:crypto';
import { expectEqual, expectThat } from './mismatch.ts';
import { certificateParts } from './pki/der.ts';

export interface JudgedAgainst {
  /** PEM of every signer that the hub has had, any of which may have signed. */
  readonly signers: readonly string[];
}

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
/** design.md §3, invariant 2: notBefore is backdated by 5 minutes; and the leaf is as old as its case, 2 minutes at the most. */
const MOST_BACKDATED_MS = 7 * 60_000;

/** `received` as the hub's socket received them, leaf first. */
export function judgeLeaf(received: readonly Buffer[], clientPem: string, { signers }: JudgedAgainst): void {
  const [leafDer, ...above] = received;
  if (leafDer === undefined) return expectThat(false, 'a client certificate at the hub', 'none');
  const [leaf, client] = [new X509Certificate(leafDer), new X509Certificate(clientPem)];
  judgeNames(leaf, client);
  const signer = signers.map((pem) => new X509Certificate(pem)).find((one) => leaf.checkIssued(one) && leaf.verify(one.publicKey));
  if (signer === undefined) return expectThat(false, "a leaf that the hub's signer has signed", leaf.issuer);
  expectThat(
    above.some((der) => der.equals(signer.raw)),
    'the certificate of the signer behind the leaf',
    above.map((der) => new X509Certificate(der).subject),
  );
  judgeWindow(leaf, client, signer);
}

function judgeNames(leaf: X509Certificate, client: X509Certificate): void {
  const [own, given] = [certificateParts(Buffer.from(leaf.raw)), certificateParts(Buffer.from(client.raw))];
  expectEqual(own.subject.toString('hex'), given.subject.toString('hex'), 'subject of the leaf, byte for byte');
  expectThat(!own.publicKey.equals(given.publicKey), "another key than the client's", 'the same key');
  expectThat(!leaf.ca && !own.claimsAuthority, 'a leaf that is no authority', 'CA:TRUE');
  expectEqual(leaf.keyUsage, [CLIENT_AUTH], 'extended key usage of the leaf');
}

function judgeWindow(leaf: X509Certificate, client: X509Certificate, signer: X509Certificate): void {
  const [start, end] = [leaf.validFromDate.getTime(), leaf.validToDate.getTime()];
  const last = Math.min(client.validToDate.getTime(), signer.validToDate.getTime());
  expectThat(end <= last, `a leaf that ends by ${new Date(last).toISOString()}`, leaf.validTo);
  const now = Date.now();
  expectThat(start <= now && start >= now - MOST_BACKDATED_MS, 'a leaf that began minutes ago', leaf.validFrom);
}
