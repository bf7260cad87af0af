/**
 * A message's head as rules see and change it: the canonical text of a parsed head (names in lower
 * case, one space behind the colon, each line with its CRLF).
 */
export class Message {
  #text: string;
  #lineLength: number;
  #changed = false;

  constructor({ text, lineLength }: { readonly text: string; readonly lineLength: number }) {
    this.#text = text;
    this.#lineLength = lineLength;
  }

  get text(): string {
    return this.#text;
  }

  get lineLength(): number {
    return this.#lineLength;
  }

  get changed(): boolean {
    return this.#changed;
  }

  /** `METHOD target HTTP/1.1`, or `HTTP/1.1 200 OK`. */
  get line(): string {
    return this.#text.slice(0, this.#lineLength);
  }

  set line(line: string) {
    this.#text = line + this.#text.slice(this.#lineLength);
    this.#lineLength = line.length;
    this.#changed = true;
  }

  get method(): string {
    return this.#text.slice(0, this.#text.indexOf(' '));
  }

  set method(method: string) {
    this.line = `${method} ${this.target} ${this.line.slice(this.line.lastIndexOf(' ') + 1)}`;
  }

  get target(): string {
    const { line } = this;
    return line.slice(line.indexOf(' ') + 1, line.lastIndexOf(' '));
  }

  set target(target: string) {
    const { line } = this;
    this.line = `${this.method} ${target}${line.slice(line.lastIndexOf(' '))}`;
  }

  /** `1.1`, of a request or a response. */
  get version(): string {
    const { line } = this;
    const at = line.startsWith('HTTP/') ? 5 : line.lastIndexOf(' ') + 6;
    return line.slice(at, at + 3);
  }

  /** Of a response. */
  get status(): number {
    return Number(this.#text.slice(9, 12));
  }

  set status(status: number) {
    this.line = `${this.line.slice(0, 9)}${status}${this.line.slice(12)}`;
  }

  get reason(): string {
    return this.line.slice(13);
  }

  set reason(reason: string) {
    this.line = `${this.line.slice(0, 12)} ${reason}`;
  }

  /** Values of every line with this name (lower case), in order. */
  values(name: string): string[] {
    const found: string[] = [];
    const text = this.#text;
    const key = `\n${name}: `;
    for (let at = text.indexOf(key, this.#lineLength); at >= 0; ) {
      const from = at + key.length;
      const end = text.indexOf('\r\n', from);
      found.push(text.slice(from, end));
      at = text.indexOf(key, end);
    }
    return found;
  }

  has(name: string): boolean {
    return this.#text.includes(`\n${name}: `, this.#lineLength);
  }

  /** Every line as name and value. */
  fields(): [name: string, value: string][] {
    const lines = this.#text.slice(this.#lineLength + 2).split('\r\n');
    lines.pop();
    return lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 2)];
    });
  }

  add(name: string, value: string): void {
    this.#text += `${name}: ${oneLine(value)}\r\n`;
    this.#changed = true;
  }

  /** Changes or (undefined) takes away each field as `edit` says. */
  edit(edit: (name: string, value: string) => string | undefined): void {
    let text = this.#text.slice(0, this.#lineLength + 2);
    for (const [name, value] of this.fields()) {
      const kept = edit(name, value);
      if (kept !== undefined) text += `${name}: ${oneLine(kept)}\r\n`;
    }
    this.#text = text;
    this.#changed = true;
  }

  remove(name: string): void {
    if (this.has(name)) this.edit((other, value) => (other === name ? undefined : value));
  }

  set(name: string, value: string): void {
    this.remove(name);
    this.add(name, value);
  }
}

/** Line ends in a value would let whoever wrote it add fields of their own. */
function oneLine(value: string): string {
  return /[\r\n\0]/.test(value) ? value.replace(/[\r\n\0]+/g, ' ') : value;
}
