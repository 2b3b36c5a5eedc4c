// Protobuf written by hand, byte by byte, so that it can be wrong.

export function varint(value: number | bigint, octets: number = 0): Buffer {
  const written: number[] = [];
  let rest = BigInt(value);
  do {
    written.push(Number(rest & 0x7fn));
    rest >>= 7n;
  } while (rest > 0n || written.length < octets);
  return Buffer.from(written.map((octet, at) => (at < written.length - 1 ? octet | 0x80 : octet)));
}

export function number(id: number, value: number | bigint): Buffer {
  return Buffer.concat([varint(id * 8), varint(value)]);
}

export function bytes(id: number, ...content: readonly (string | Uint8Array)[]): Buffer {
  const joined = Buffer.concat(content.map((part) => Buffer.from(part as string)));
  return Buffer.concat([varint(id * 8 + 2), varint(joined.length), joined]);
}

/** "k8s\0" and runtime.Unknown, as client-go writes it. */
export function envelope(apiVersion: string, kind: string, ...raw: readonly Uint8Array[]): Buffer {
  return Buffer.concat([Buffer.from('k8s\0'), bytes(1, bytes(1, apiVersion), bytes(2, kind)), bytes(2, ...raw), bytes(3), bytes(4)]);
}

export function lease(...raw: readonly Uint8Array[]): Buffer {
  return envelope('coordination.k8s.io/v1', 'Lease', ...raw);
}

export function csr(...raw: readonly Uint8Array[]): Buffer {
  return envelope('certificates.k8s.io/v1', 'CertificateSigningRequest', ...raw);
}
