import type { Position } from '../model.ts';
import type { ResolversConfig } from '../resolvers/config.ts';
import type { UserList } from '../rules/users.ts';
import { type CacheDraft, openCache } from './cache-section.ts';
import { type DefaultRules, inheritanceFault } from './defaults-rules.ts';
import {
  type ConfigDraft,
  describeProxy,
  hasBackend,
  hasFrontend,
  inheritSettings,
  newSettings,
  type ProxyDraft,
  type ProxySection,
  type ProxySettings,
} from './draft.ts';
import { FOREIGN_SECTIONS } from './foreign.ts';
import { type Context, onlyArguments } from './keyword.ts';
import type { Statement } from './lexer.ts';
import { forbiddenCharacter } from './names.ts';
import { formatPosition } from './problem.ts';
import { openResolvers } from './resolvers-section.ts';
import { openHttpErrors, openUserlist } from './rule-sections.ts';
import { RulesDraft } from './rules-draft.ts';

/** What the lines below a section header belong to. `skipped` swallows them. */
export type OpenSection =
  | { kind: 'global' }
  | { kind: 'proxy'; draft: ProxyDraft }
  | { kind: 'userlist'; list: UserList }
  | { kind: 'http-errors'; files: Map<number, string> }
  | { kind: 'cache'; draft: CacheDraft }
  | { kind: 'resolvers'; resolvers: ResolversConfig }
  | { kind: 'skipped' };

const PROXY_SECTIONS: readonly string[] = ['defaults', 'frontend', 'backend', 'listen'];

const OUR_SECTIONS: readonly string[] = [
  ...PROXY_SECTIONS,
  'cache',
  'http-errors',
  'resolvers',
  'userlist',
];

/** Every word that opens a section, ours or not: such a line is never a keyword of another one. */
export function opensSection(word: string): boolean {
  return word === 'global' || OUR_SECTIONS.includes(word) || FOREIGN_SECTIONS.includes(word);
}

export const SECTIONS: readonly string[] = ['global', ...OUR_SECTIONS];

/** The sections read so far, and which `defaults` the next proxy starts from. */
export class Sections {
  readonly #draft: ConfigDraft;
  readonly #context: Context;
  /** Named ones by name; several of one name are an error only for who refers to it. */
  readonly #defaults = new Map<string, { settings: ProxySettings; position: Position }[]>();
  #current: ProxySettings = newSettings();
  /** Rules of defaults sections, and those that the section being opened takes over. */
  readonly #rules = new WeakMap<ProxySettings, DefaultRules>();
  #inherited: DefaultRules | undefined;

  constructor(draft: ConfigDraft, context: Context) {
    this.#draft = draft;
    this.#context = context;
  }

  /** Opens the section that `statement` is the header of. HAProxy 2.6 manual, section 4. */
  open(statement: Statement): OpenSection {
    const word = statement.word(0);
    if (word === 'global') {
      onlyArguments(statement, 0, this.#context);
      return { kind: 'global' };
    }
    if (word === 'userlist') return openUserlist(statement, this.#context);
    if (word === 'http-errors') return openHttpErrors(statement, this.#context);
    if (word === 'cache') return openCache(statement, this.#context);
    if (word === 'resolvers') return openResolvers(statement, this.#context);
    if (!PROXY_SECTIONS.includes(word)) {
      const message = `unsupported section '${word}': HAProxy has it, this balancer does not.`;
      this.#context.problems.alert(statement.position, message);
      return { kind: 'skipped' };
    }
    const section = word as ProxySection;
    const draft =
      section === 'defaults' ? this.#openDefaults(statement) : this.#openProxy(section, statement);
    return { kind: 'proxy', draft };
  }

  #openDefaults(statement: Statement): ProxyDraft {
    const named = statement.word(1) !== 'from';
    const name = named ? statement.word(1) : '';
    const settings = this.#start(statement, named ? 2 : 1, newSettings());
    this.#current = settings;
    const { position } = statement;
    if (name !== '') {
      const same = this.#defaults.get(name) ?? [];
      same.push({ settings, position });
      this.#defaults.set(name, same);
    }
    const draft = newDraft('defaults', name, statement, settings);
    this.#inherit(draft, statement);
    this.#rules.set(settings, { rules: draft.rules, position });
    const bad = forbiddenCharacter(name);
    if (bad !== undefined) this.#forbidden(bad, draft, statement);
    return draft;
  }

  #openProxy(section: ProxySection, statement: Statement): ProxyDraft {
    const { problems } = this.#context;
    const name = statement.word(1);
    const draft = newDraft(section, name, statement, this.#start(statement, 2, this.#current));
    this.#inherit(draft, statement);
    if (name === '') {
      problems.alert(statement.position, `'${section}' expects an <id> argument`);
      return draft;
    }
    const bad = forbiddenCharacter(name);
    if (bad !== undefined) this.#forbidden(bad, draft, statement);
    const clash = this.#draft.proxies.find((other) => sameName(other, draft));
    if (clash) {
      const where = `${clash.position.file}:${clash.position.line}`;
      const message = `${describeProxy(draft)} has the same name as ${describeProxy(clash)} declared at ${where}.`;
      problems.alert(statement.at(1), message);
    }
    this.#draft.proxies.push(draft);
    return draft;
  }

  /** Takes over the rules of the defaults section that `draft` starts from. */
  #inherit({ section, rules }: ProxyDraft, { position }: Statement): void {
    const from = this.#inherited;
    if (!from) return;
    const fault = inheritanceFault(section, from);
    if (fault === undefined) rules.inherit(from.rules);
    else this.#context.problems.alert(position, fault);
  }

  #forbidden(character: string, { section, name }: ProxyDraft, statement: Statement): void {
    const message = `character '${character}' is not permitted in '${section}' name '${name}'.`;
    this.#context.problems.alert(statement.at(1), message);
  }

  /** The settings to begin with: what `from <name>` at `index` says, else `otherwise`. */
  #start(statement: Statement, index: number, otherwise: ProxySettings): ProxySettings {
    const { problems } = this.#context;
    const fail = (at: number, message: string): ProxySettings => {
      problems.alert(statement.at(at), message);
      return inheritSettings(otherwise);
    };
    const word = statement.word(index);
    this.#inherited = this.#rules.get(otherwise);
    if (word === '') return inheritSettings(otherwise);
    if (word !== 'from') {
      const hint =
        statement.word(0) === 'defaults'
          ? ''
          : " please use the 'bind' keyword for listening addresses.";
      return fail(
        index,
        `'${statement.word(0)}' cannot handle unexpected argument '${word}'.${hint}`,
      );
    }
    const name = statement.word(index + 1);
    if (name === '') return fail(index, "'from' expects the name of a defaults section.");
    const extra = statement.tokens[index + 2];
    if (extra) {
      const message = `'${statement.word(0)}' cannot handle unexpected argument '${extra.text}'.`;
      return fail(index + 2, message);
    }
    const [found, second] = this.#defaults.get(name) ?? [];
    const subject = `${statement.word(0)} '${index === 1 ? '' : statement.word(1)}'`;
    if (!found) {
      return fail(index + 1, `defaults section '${name}' not found for ${subject}.`);
    }
    if (second) {
      const places = `${formatPosition(found.position)} and ${formatPosition(second.position)}`;
      const message = `ambiguous defaults section name '${name}' referenced by ${subject} exists at least at ${places}.`;
      return fail(index + 1, message);
    }
    this.#inherited = this.#rules.get(found.settings);
    return inheritSettings(found.settings);
  }
}

function newDraft(
  section: ProxySection,
  name: string,
  statement: Statement,
  settings: ProxySettings,
): ProxyDraft {
  const position = statement.position;
  return {
    section,
    name,
    id: undefined,
    position,
    settings,
    binds: [],
    servers: [],
    rules: new RulesDraft(),
  };
}

/** A frontend and a backend may share a name; two of a kind may not, and a listen is both. */
function sameName(a: ProxyDraft, b: ProxyDraft): boolean {
  return (
    a.name === b.name &&
    ((hasFrontend(a.section) && hasFrontend(b.section)) ||
      (hasBackend(a.section) && hasBackend(b.section)))
  );
}
