// HTTP/2 frames by hand (RFC 9113 section 4, RFC 7541 without Huffman and without the dynamic table): what no client and no server library sends,
// and a count of what really came back.

import type { TLSSocket } from 'node:tls';

export const PREFACE: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export const FRAME = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

/** END_STREAM of DATA and HEADERS, ACK of SETTINGS and PING. */
export const END_STREAM = 0x1;
export const ACK = 0x1;
export const END_HEADERS = 0x4;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export function rstStream(stream: number, code: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(code);
  return frame(FRAME.RST_STREAM, 0, stream, payload);
}

export function windowUpdate(stream: number, increment: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(increment);
  return frame(FRAME.WINDOW_UPDATE, 0, stream, payload);
}

/** @param pairs flat name, value pairs; written as they are, valid or not */
export function headers(stream: number, pairs: readonly (string | Buffer)[], flags: number = END_STREAM | END_HEADERS): Buffer {
  return frame(FRAME.HEADERS, flags, stream, headerBlock(pairs));
}

/** A header block that is too large for one frame: HEADERS and as many CONTINUATIONs as it takes. */
export function longHeaders(stream: number, pairs: readonly (string | Buffer)[], partBytes: number = 16_384): Buffer {
  const block = headerBlock(pairs);
  const frames: Buffer[] = [];
  for (let at = 0; at < block.length; at += partBytes) {
    const end = at + partBytes >= block.length ? END_HEADERS : 0;
    const part = block.subarray(at, at + partBytes);
    frames.push(at === 0 ? frame(FRAME.HEADERS, END_STREAM | end, stream, part) : frame(FRAME.CONTINUATION, end, stream, part));
  }
  return Buffer.concat(frames);
}

/** Literal header fields without indexing, new names (RFC 7541 section 6.2.2). */
export function headerBlock(pairs: readonly (string | Buffer)[]): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < pairs.length; at += 2) {
    parts.push(Buffer.from([0]), literal(pairs[at] ?? ''), literal(pairs[at + 1] ?? ''));
  }
  return Buffer.concat(parts);
}

function literal(text: string | Buffer): Buffer {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'latin1') : text;
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = [127];
  let rest = bytes.length - 127;
  while (rest >= 128) {
    length.push((rest & 127) | 128);
    rest >>= 7;
  }
  return Buffer.concat([Buffer.from([...length, rest]), bytes]);
}

/** A request head for the proxy; `more` comes behind the pseudo-headers. */
export function requestPairs(method: string, path: string, more: readonly (string | Buffer)[] = []): (string | Buffer)[] {
  return [':method', method, ':scheme', 'https', ':authority', 'hub.example', ':path', path, ...more];
}

/** Reads the frames that come in on a socket; answers SETTINGS and PING so that the other side goes on, and nothing else. */
export class FrameReader {
  readonly frames: Frame[] = [];
  closed = false;
  #rest: Buffer = Buffer.alloc(0);
  #preface: number;
  readonly #socket: TLSSocket;

  /** @param as the side that this is: a server first reads the client's preface */
  constructor(socket: TLSSocket, as: 'client' | 'server') {
    this.#socket = socket;
    this.#preface = as === 'server' ? PREFACE.length : 0;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('close', () => {
      this.closed = true;
    });
  }

  of(type: number, stream?: number): Frame[] {
    return this.frames.filter((one) => one.type === type && (stream === undefined || one.stream === stream));
  }

  /** Bytes of DATA on a stream. */
  bytes(stream: number): number {
    return this.of(FRAME.DATA, stream).reduce((sum, one) => sum + one.payload.length, 0);
  }

  text(stream: number): string {
    return Buffer.concat(this.of(FRAME.DATA, stream).map((one) => one.payload)).toString('latin1');
  }

  /** Whether the other side ended the stream as a complete message. */
  ended(stream: number): boolean {
    return this.frames.some(
      (one) => (one.type === FRAME.DATA || one.type === FRAME.HEADERS) && one.stream === stream && (one.flags & END_STREAM) !== 0,
    );
  }

  /** The code of the RST_STREAM that came, null while none has. */
  reset(stream: number): number | null {
    return this.of(FRAME.RST_STREAM, stream)[0]?.payload.readUInt32BE() ?? null;
  }

  /** The error code of the GOAWAY that came last, null while none has. */
  get goaway(): number | null {
    return this.of(FRAME.GOAWAY).at(-1)?.payload.readUInt32BE(4) ?? null;
  }

  #read(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    if (this.#preface > 0) {
      if (this.#rest.length < this.#preface) return;
      this.#rest = this.#rest.subarray(this.#preface);
      this.#preface = 0;
    }
    while (this.#rest.length >= 9) {
      const length = this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < 9 + length) return;
      const payload = Buffer.from(this.#rest.subarray(9, 9 + length));
      const received = {
        type: this.#rest.readUInt8(3),
        flags: this.#rest.readUInt8(4),
        stream: this.#rest.readUInt32BE(5) & 0x7fffffff,
        payload,
      };
      this.#rest = this.#rest.subarray(9 + length);
      this.frames.push(received);
      this.#acknowledge(received);
    }
  }

  #acknowledge({ type, flags, payload }: Frame): void {
    if ((flags & ACK) !== 0 || !this.#socket.writable) return;
    if (type === FRAME.SETTINGS) this.#socket.write(frame(FRAME.SETTINGS, ACK, 0));
    if (type === FRAME.PING) this.#socket.write(frame(FRAME.PING, ACK, 0, payload));
  }
}

/** Speaks HTTP/2 as a client on an open connection: sends the preface and empty SETTINGS. */
export function startRawH2(socket: TLSSocket): FrameReader {
  const reader = new FrameReader(socket, 'client');
  socket.write(Buffer.concat([PREFACE, frame(FRAME.SETTINGS, 0, 0)]));
  return reader;
}
