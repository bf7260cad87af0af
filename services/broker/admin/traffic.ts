/** How often rates are taken, milliseconds. */
export const SAMPLE_INTERVAL = 5_000;

/** What one connection has sent and got, and how fast of late. */
export class Traffic {
  /** PUBLISH packets. */
  messagesIn = 0;
  messagesOut = 0;
  /** All bytes from it. */
  bytesIn = 0;
  /** Per second, between the last two samples. */
  rateMessagesIn = 0;
  rateMessagesOut = 0;
  rateBytesIn = 0;
  rateBytesOut = 0;
  #messagesIn = 0;
  #messagesOut = 0;
  #bytesIn = 0;
  #bytesOut = 0;

  /** Takes the rates since the last call, `seconds` ago. `bytesOut`: all bytes to it so far. */
  sample(seconds: number, bytesOut: number): void {
    this.rateMessagesIn = (this.messagesIn - this.#messagesIn) / seconds;
    this.rateMessagesOut = (this.messagesOut - this.#messagesOut) / seconds;
    this.rateBytesIn = (this.bytesIn - this.#bytesIn) / seconds;
    this.rateBytesOut = (bytesOut - this.#bytesOut) / seconds;
    this.#messagesIn = this.messagesIn;
    this.#messagesOut = this.messagesOut;
    this.#bytesIn = this.bytesIn;
    this.#bytesOut = bytesOut;
  }
}
