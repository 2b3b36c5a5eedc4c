// HTTP/2 frames as they stand in a case (RFC 9113 section 4; RFC 7541 without Huffman and without the dynamic table): what no client library sends.

import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { FrameRecipe } from '../case.ts';
import { credentialsOf } from './connection.ts';
import type { Sender } from './connection.ts';
import type { RawExchange } from './raw-h1.ts';
import { type Answer, fillIn } from './sent-request.ts';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const TYPES: Readonly<Record<FrameRecipe['type'], number>> = {
  ...{ data: 0, headers: 1, priority: 2, 'rst-stream': 3, settings: 4, 'push-promise': 5, ping: 6, goaway: 7, 'window-update': 8 },
  ...{ continuation: 9, unknown: 0xfa },
};
const [END_STREAM, ACK, END_HEADERS] = [0x1, 0x1, 0x4];
const HEAD_BYTES = 9;
const SETTINGS_TYPE = 4;

/** Resolves with the first stream's answer, its reset, GOAWAY with an error, or the end of the connection. */
export function sendFrames(sender: Sender, recipes: readonly FrameRecipe[]): RawExchange {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const socket = connect({ host: '127.0.0.1', port: sender.port, ALPNProtocols: ['h2'], ...credentialsOf(sender) });
  const reader = new FrameReader(socket, resolve);
  socket.on('data', (chunk: Buffer) => reader.take(chunk));
  socket.on('error', (error: NodeJS.ErrnoException) =>
    error.code === 'ECONNRESET' || error.code === 'EPIPE' ? reader.closed() : reject(error),
  );
  socket.once('close', () => reader.closed());
  const host = `127.0.0.1:${sender.port}`;
  socket.write(Buffer.concat([PREFACE, frame(SETTINGS_TYPE, 0, 0, Buffer.alloc(0)), ...recipes.flatMap((each) => encode(each, host))]));
  return { answer: promise.finally(() => socket.destroy()), close: () => socket.destroy() };
}

function encode(recipe: FrameRecipe, host: string): Buffer[] {
  const { type, stream, fields, text, hex, endStream, endHeaders, ack, times } = recipe;
  const isBlock = type === 'headers' || type === 'continuation';
  const flags = (endStream ? END_STREAM : 0) | (ack ? ACK : 0) | (isBlock && endHeaders ? END_HEADERS : 0);
  const payload =
    fields === undefined ? Buffer.from(hex ?? '', 'hex') : block(fields.map(([name, value]) => [fillIn(name, host), fillIn(value, host)]));
  const one = frame(TYPES[type], flags, stream, text === undefined ? payload : Buffer.from(fillIn(text, host), 'latin1'));
  return Array.from({ length: times }, () => one);
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Literal header fields without indexing, new names (RFC 7541 section 6.2.2). */
function block(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]));
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest >>= 7) length.push((rest & 127) | 128);
  return Buffer.concat([Buffer.from([...length, rest]), bytes]);
}

class FrameReader {
  readonly #socket: TLSSocket;
  readonly #resolve: (answer: Answer) => void;
  readonly #data: Buffer[] = [];
  #hasHead = false;
  #rest: Buffer = Buffer.alloc(0);

  constructor(socket: TLSSocket, resolve: (answer: Answer) => void) {
    this.#socket = socket;
    this.#resolve = resolve;
  }

  take(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= HEAD_BYTES) {
      const end = HEAD_BYTES + this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < end) return;
      const payload = this.#rest.subarray(HEAD_BYTES, end);
      this.#frame(this.#rest.readUInt8(3), this.#rest.readUInt8(4), payload);
      this.#rest = this.#rest.subarray(end);
    }
  }

  closed(): void {
    this.#end('closed');
  }

  #frame(type: number, flags: number, payload: Buffer): void {
    if (type === TYPES.settings && (flags & ACK) === 0 && this.#socket.writable)
      this.#socket.write(frame(SETTINGS_TYPE, ACK, 0, Buffer.alloc(0)));
    if (type === TYPES.data) this.#data.push(Buffer.from(payload));
    if (type === TYPES.headers) this.#hasHead = true;
    if (type === TYPES['rst-stream']) return this.#end('reset');
    if (type === TYPES.goaway && payload.readUInt32BE(4) !== 0) return this.#end('goaway');
    if ((type === TYPES.data || type === TYPES.headers) && (flags & END_STREAM) !== 0) this.#end('whole');
  }

  /** The status would take HPACK to read; a Status object in the body has it as its code. */
  #end(ended: Answer['ended']): void {
    const body = Buffer.concat(this.#data).toString();
    const status = Number(/"code":(\d{3})/.exec(body)?.[1] ?? 0);
    this.#resolve({ status, headers: {}, body, ended, answers: this.#hasHead ? 1 : 0 });
  }
}
