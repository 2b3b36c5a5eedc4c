// What a hub session is opened with: a reissued certificate, or none for a client that has a bearer token in its place.

export interface HubCredential {
  /** Whose it is: sessions never pass from one holder to another. The client certificate's SHA-256; of a token, see bootstrap-peer.ts. */
  readonly holder: string;
  /** The leaf's SHA-256; of a token, the holder. Sessions are shared by what has the same one, and by nothing else. */
  readonly id: string;
  /** Of the signer; 0 where there is no leaf. */
  readonly generation: number;
  /** Of two that one holder has had, the newer has the higher one; 0 where there is never another. */
  readonly ordinal: number;
  /** What TLS shows; null: no certificate at all. */
  readonly tls: { readonly certificateChainPem: string; readonly keyPem: string } | null;
}
