import { ALGORITHMS, type Algorithm, type CompressionConfig } from '../../compression/config.ts';
import type { ProxyDraft } from '../draft.ts';
import { type Context, suggestion } from '../keyword.ts';
import type { Statement } from '../lexer.ts';

const NONE: CompressionConfig = { algorithms: [], types: [], offload: false };

/** `compression algo … | type … | offload`; lines add to each other. Manual, section 4.2. */
export function parseCompression(
  { section, settings }: ProxyDraft,
  statement: Statement,
  { problems }: Context,
): void {
  const known = settings.compression ?? NONE;
  const words = statement.tokens.slice(2).map((token) => token.text);
  switch (statement.word(1)) {
    case 'algo': {
      if (words.length === 0) {
        problems.alert(statement.at(1), "'compression' expects <algorithm>.");
        return;
      }
      const bad = words.findIndex((word) => !ALGORITHMS.includes(word as Algorithm));
      if (bad >= 0) {
        const hint = suggestion(words[bad]!, ALGORITHMS);
        const message = `'compression' : '${words[bad]}' is not a supported algorithm.${hint}`;
        problems.alert(statement.at(bad + 2), message);
        return;
      }
      settings.compression = {
        ...known,
        algorithms: [...known.algorithms, ...(words as Algorithm[])],
      };
      return;
    }
    case 'type':
      if (words.length === 0) {
        problems.alert(statement.at(1), "'compression' expects <type>.");
        return;
      }
      settings.compression = {
        ...known,
        types: [...known.types, ...words.map((word) => word.toLowerCase())],
      };
      return;
    case 'offload':
      if (section === 'defaults') {
        const message = "'compression' : 'offload' ignored in 'defaults' section.";
        problems.warn(statement.at(1), message);
        return;
      }
      settings.compression = { ...known, offload: true };
      return;
    default:
      problems.alert(statement.at(1), "'compression' expects 'algo', 'type' or 'offload'");
  }
}
