// Makes a browser's screenshot small enough for a repository: 256 colours, packed hard (PNG specification, third edition). Reads only what Chromium
// writes: 8 bits a channel, RGB or RGBA, not interlaced.

import { crc32, deflateSync, inflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');
/** §11.2.1: the colour types, with their channels. */
const CHANNELS: Readonly<Record<number, number>> = { 2: 3, 6: 4 };

export function packPng(png: Buffer): Buffer {
  const chunks = readChunks(png);
  const header = chunks.find(({ type }) => type === 'IHDR')?.data;
  const channels = CHANNELS[header?.[9] ?? -1];
  if (header === undefined || channels === undefined || header[8] !== 8 || header[12] !== 0)
    throw new Error('not a PNG as Chromium writes it');
  const stride = header.readUInt32BE(0) * channels;
  const packed = inflateSync(Buffer.concat(chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data)));
  const { palette, indexes } = reduceColours(unfilter(packed, stride, channels), stride, channels);
  const indexed = Buffer.from(header);
  indexed[9] = 3;
  // Indexed pixels pack best unfiltered (§12.7)
  const data = deflateSync(indexes, { level: 9, memLevel: 9 });
  return Buffer.concat([SIGNATURE, chunk('IHDR', indexed), chunk('PLTE', palette), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))]);
}

/**
 * The most frequent colours as they are, the others by sixteenths of each channel: a rare one, in the edge of a letter, becomes the nearest of them.
 * Transparency is dropped.
 */
function reduceColours(rows: Buffer, stride: number, channels: number): { readonly palette: Buffer; readonly indexes: Buffer } {
  const uses = new Map<number, number>();
  const pixels: number[] = [];
  for (let row = 0; row < rows.length; row += stride + 1) {
    for (let at = row + 1; at <= row + stride; at += channels) {
      const colour = rows.readUIntBE(at, 3);
      uses.set(colour, (uses.get(colour) ?? 0) + 1);
      pixels.push(colour);
    }
  }
  const kept = pickColours([...uses].toSorted(([, one], [, other]) => other - one).map(([colour]) => colour));
  const indexOf = new Map([...uses.keys()].map((colour) => [colour, nearest(colour, kept)]));
  const width = stride / channels;
  const indexes = Buffer.alloc(pixels.length + pixels.length / width);
  for (const [at, colour] of pixels.entries()) indexes[at + Math.floor(at / width) + 1] = indexOf.get(colour) ?? 0;
  return { palette: Buffer.concat(kept.map((colour) => Buffer.from([colour >> 16, (colour >> 8) & 255, colour & 255]))), indexes };
}

function pickColours(byUse: readonly number[]): readonly number[] {
  const plainly = new Set(byUse.slice(0, 64));
  const cells = new Set([...plainly].map((colour) => colour & 0xf0f0f0));
  for (const colour of byUse) {
    if (plainly.size === 256) break;
    if (!cells.has(colour & 0xf0f0f0)) plainly.add(colour);
    cells.add(colour & 0xf0f0f0);
  }
  return [...plainly];
}

function nearest(colour: number, among: readonly number[]): number {
  const distances = among.map((each) =>
    [16, 8, 0].reduce((sum, shift) => sum + (((each >> shift) & 255) - ((colour >> shift) & 255)) ** 2, 0),
  );
  return distances.indexOf(Math.min(...distances));
}

function readChunks(png: Buffer): readonly { readonly type: string; readonly data: Buffer }[] {
  const chunks: { type: string; data: Buffer }[] = [];
  for (let at = SIGNATURE.length; at < png.length; ) {
    const length = png.readUInt32BE(at);
    chunks.push({ type: png.toString('latin1', at + 4, at + 8), data: png.subarray(at + 8, at + 8 + length) });
    at += 12 + length;
  }
  return chunks;
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** §9: each row begins with its filter's number; the answer has 0 there. */
function unfilter(rows: Buffer, stride: number, channels: number): Buffer {
  const plain = Buffer.alloc(rows.length);
  for (let row = 0; row < rows.length; row += stride + 1) {
    const filter = rows[row] ?? 0;
    for (let at = row + 1; at <= row + stride; at += 1) {
      const left = at - row > channels ? (plain[at - channels] ?? 0) : 0;
      const up = row > 0 ? (plain[at - stride - 1] ?? 0) : 0;
      const corner = row > 0 && at - row > channels ? (plain[at - stride - 1 - channels] ?? 0) : 0;
      const predicted = [0, left, up, Math.floor((left + up) / 2), paeth(left, up, corner)][filter] ?? 0;
      plain[at] = ((rows[at] ?? 0) + predicted) % 256;
    }
  }
  return plain;
}

function paeth(left: number, up: number, corner: number): number {
  const estimate = left + up - corner;
  const [byLeft, byUp, byCorner] = [Math.abs(estimate - left), Math.abs(estimate - up), Math.abs(estimate - corner)];
  if (byLeft <= byUp && byLeft <= byCorner) return left;
  return byUp <= byCorner ? up : corner;
}
