/** Not looked into beyond this: parsing a document of megabytes for one field stalls everything. */
const BYTES_MAX = 256 << 10;

/** A document that is parsed when a field of it is asked for first. */
export class JsonFields {
  readonly #bytes: Buffer | null;
  #parsed = false;
  #document: unknown;

  constructor(bytes: Buffer | null) {
    this.#bytes = bytes;
  }

  /** The field as text; undefined when it is not there, or the bytes are no JSON. */
  get(path: readonly string[]): string | undefined {
    let at = this.#value;
    for (const name of path) {
      if (at === null || typeof at !== 'object' || !Object.hasOwn(at, name)) return undefined;
      at = (at as Record<string, unknown>)[name];
    }
    switch (typeof at) {
      case 'string':
        return at;
      case 'number':
      case 'boolean':
        return String(at);
      default:
        return at === undefined || at === null ? undefined : JSON.stringify(at);
    }
  }

  get #value(): unknown {
    if (this.#parsed) return this.#document;
    this.#parsed = true;
    if (this.#bytes === null || this.#bytes.length > BYTES_MAX) return undefined;
    try {
      this.#document = JSON.parse(this.#bytes.toString());
    } catch {
      // No JSON: it has no fields.
    }
    return this.#document;
  }
}
