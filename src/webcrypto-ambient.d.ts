// The Web Crypto names that the types of @peculiar/* take from the DOM library, mapped to node:crypto's. Types only.

import type { webcrypto } from 'node:crypto';

declare global {
  interface Crypto extends webcrypto.Crypto {}
  type Algorithm = webcrypto.Algorithm;
  type AlgorithmIdentifier = webcrypto.AlgorithmIdentifier;
  type BufferSource = webcrypto.BufferSource;
  type CryptoKey = webcrypto.CryptoKey;
  type CryptoKeyPair = webcrypto.CryptoKeyPair;
  type EcdsaParams = webcrypto.EcdsaParams;
  type EcKeyGenParams = webcrypto.EcKeyGenParams;
  type EcKeyImportParams = webcrypto.EcKeyImportParams;
  type KeyAlgorithm = webcrypto.KeyAlgorithm;
  type KeyFormat = webcrypto.KeyFormat;
  type KeyType = webcrypto.KeyType;
  type KeyUsage = webcrypto.KeyUsage;
  type RsaHashedImportParams = webcrypto.RsaHashedImportParams;
  type RsaHashedKeyGenParams = webcrypto.RsaHashedKeyGenParams;
  type SubtleCrypto = webcrypto.SubtleCrypto;
}
