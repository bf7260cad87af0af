/** Bytes of a benchmark message: what the figures are quoted for. */
export const PAYLOAD_BYTES = 128;
/** The payload begins with the send time, nanoseconds of the monotonic clock, as 64-bit LE. */
export const STAMP_BYTES = 8;

export const CONNACK = 0x20;
export const PUBLISH = 0x30;
export const PUBACK = 0x40;
export const SUBACK = 0x90;

/**
 * Calls `onFrame(type, buffer, from, bodyFrom, end)` for every whole MQTT frame (3.1.1, section 2)
 * of a byte stream. Kept minimal, so that the load generator is not what is measured.
 */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);
  readonly #onFrame: (head: number, buffer: Buffer, body: number, end: number) => void;

  constructor(onFrame: (head: number, buffer: Buffer, body: number, end: number) => void) {
    this.#onFrame = onFrame;
  }

  push(chunk: Buffer): void {
    const buffer = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    for (;;) {
      let length = 0;
      let shift = 0;
      let body = at + 1;
      for (;;) {
        if (body >= buffer.length) {
          this.#rest = buffer.subarray(at);
          return;
        }
        const byte = buffer[body++]!;
        length |= (byte & 0x7f) << shift;
        shift += 7;
        if (byte < 0x80) break;
      }
      const end = body + length;
      if (end > buffer.length) {
        this.#rest = buffer.subarray(at);
        return;
      }
      this.#onFrame(buffer[at]!, buffer, body, end);
      at = end;
    }
  }
}

/** Where the payload of a QoS 0 or 1 PUBLISH (3.1.1, section 3.3) begins. */
export function payloadOffset(head: number, buffer: Buffer, body: number): number {
  return body + 2 + buffer.readUInt16BE(body) + ((head & 0x06) === 0 ? 0 : 2);
}
