import { type Attributes, element, type Html, type Renderable } from './html.ts';

interface Block {
  text: string;
  /** Ids of the cells inside, in order: while they are the same, cells alone are sent. */
  shape: string;
}

/**
 * Collects, while a page is rendered, the pieces that may change: blocks (a section) and the cells
 * in them. Two renderings compared give the least markup that turns one page into the other.
 */
export class Live {
  readonly #cells = new Map<string, { text: string; block: string }>();
  readonly #blocks = new Map<string, Block>();
  #block = '';
  #ids: string[] = [];

  /** An element that is replaced alone. Only inside a block; cells do not nest. */
  cell(tag: string, id: string, attributes: Attributes, content: Renderable): Html {
    const markup = element(tag, { id, ...attributes }, content);
    this.#cells.set(id, { text: markup.text, block: this.#block });
    this.#ids.push(id);
    return markup;
  }

  /** An element that is replaced whole when cells come or go in it. Blocks do not nest. */
  block(tag: string, id: string, attributes: Attributes, content: () => Renderable): Html {
    this.#block = id;
    this.#ids = [];
    const markup = element(tag, { id, ...attributes }, content());
    this.#blocks.set(id, { text: markup.text, shape: this.#ids.join(' ') });
    this.#block = '';
    return markup;
  }

  /** Everything, for a reader of whom nothing is known. */
  all(): Record<string, string> {
    return Object.fromEntries([...this.#blocks].map(([id, { text }]) => [id, text]));
  }

  /** What differs from `before`: element id → its new markup. */
  since(before: Live): Record<string, string> {
    const changed: Record<string, string> = {};
    const whole = new Set<string>();
    for (const [id, block] of this.#blocks) {
      if (before.#blocks.get(id)?.shape === block.shape) continue;
      whole.add(id);
      changed[id] = block.text;
    }
    for (const [id, { text, block }] of this.#cells) {
      if (!whole.has(block) && before.#cells.get(id)?.text !== text) changed[id] = text;
    }
    return changed;
  }
}
