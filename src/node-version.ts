// Which Node this program runs on. Imports nothing: main.ts asks before it loads anything that an older Node cannot.

/** The oldest Node 24 with everything that the HTTP/2 listener needs; package.json `engines` says the same. */
const OLDEST = { major: 24, minor: 15 };

export function isNodeSupported(nodeVersion: string): boolean {
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number);
  return major > OLDEST.major || (major === OLDEST.major && minor >= OLDEST.minor);
}
