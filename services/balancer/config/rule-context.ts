import { readFileSync } from 'node:fs';
import { Cache } from '../cache/cache.ts';
import type { Position } from '../model.ts';
import type { ResolversConfig } from '../resolvers/config.ts';
import type { RuleContext } from '../rules/context.ts';
import type { Place } from '../rules/place.ts';
import { UserList } from '../rules/users.ts';
import type { CompileEnvironment } from '../samples/fetch.ts';
import { PatternRegistry } from '../samples/pattern-registry.ts';
import type { KeyType } from '../stickiness/table/config.ts';
import type { CacheDraft } from './cache-section.ts';
import { hasBackend, type ProxyDraft } from './draft.ts';
import { type Context, suggestion } from './keyword.ts';
import { systemReason } from './source.ts';

/** What sections define for rules anywhere in the configuration. */
export class SharedDefinitions {
  readonly #lists = new Map<string, { list: UserList; position: Position | undefined }>();
  /** Lists of patterns that rules match against. */
  readonly patterns = new PatternRegistry();
  /** Stick-tables by the name of their proxy. */
  readonly stickTables = new Map<string, { owner: string; position: Position; type: KeyType }>();
  /** Files by status, by name of their `http-errors` section. */
  readonly errorSections = new Map<string, Map<number, string>>();

  /** What servers want of them, once all are read. */
  readonly serverResolvers: (() => void)[] = [];
  /** Sections that servers name. */
  readonly resolvers = new Map<string, ResolversConfig>();
  readonly cacheDrafts = new Map<string, CacheDraft>();
  /** Caches by name, with where and by whom they were named first. */
  readonly caches = new Map<
    string,
    { cache: Cache; named: { proxy: string; position: Position } | undefined }
  >();

  /** The cache of that name, which may be defined further below. */
  cache(name: string, named?: { proxy: string; position: Position }): Cache {
    let known = this.caches.get(name);
    if (!known) {
      known = { cache: new Cache(name), named };
      this.caches.set(name, known);
    }
    return known.cache;
  }

  /** The list of that name, which may be defined further below. */
  userlist(name: string, position?: Position): UserList {
    let known = this.#lists.get(name);
    if (!known) {
      known = { list: new UserList(name), position };
      this.#lists.set(name, known);
    }
    return known.list;
  }

  /** Lists that were named and never defined, and where first. */
  *undefinedLists(): Generator<[name: string, position: Position | undefined]> {
    for (const [name, { list, position }] of this.#lists) {
      if (!list.defined) yield [name, position];
    }
  }
}

export function environmentOf(
  context: Context,
  position: Position,
  named?: CompileEnvironment['proxyNamed'],
  tableNamed?: CompileEnvironment['tableNamed'],
): CompileEnvironment {
  return {
    variable: (name) => context.environment.get(name),
    patterns: context.shared.patterns,
    position,
    userlist: (name) => context.shared.userlist(name, position),
    readLines: (path) => {
      try {
        return readFileSync(path, 'latin1').split('\n');
      } catch (error) {
        throw new Error(systemReason(error));
      }
    },
    ...(named && { proxyNamed: named }),
    ...(tableNamed && { tableNamed }),
  };
}

/** For a rule of `draft` at `position`. */
export function ruleContext(
  draft: ProxyDraft,
  position: Position,
  context: Context,
  place: Place,
  where: string,
): RuleContext {
  const { rules } = draft;
  return {
    acls: rules.acls,
    environment: environmentOf(
      context,
      position,
      (kind, name) => {
        rules.references.push({ kind, name, position });
      },
      (given) => {
        const name = given === '' ? draft.name : given;
        rules.references.push({ kind: 'table', name, position });
        return name;
      },
    ),
    place: place === 'request' && hasBackend(draft.section) ? 'backend-request' : place,
    where: `${draft.section === 'listen' ? 'proxy' : draft.section} ${where}`,
    slots: {
      declare: (length) => rules.requestCaptures.push({ name: '', length }) - 1,
      require: (side, slot) => {
        rules.references.push({ kind: 'capture', name: `${side} ${slot}`, position });
      },
    },
    errorPages: (section) => context.shared.errorSections.get(section),
    cache: (name) => context.shared.cache(name, { proxy: draft.name, position }),
    resolvers: (name, user) => {
      const { shared } = context;
      shared.serverResolvers.push(() => {
        if (shared.resolvers.has(name)) return;
        const hint = suggestion(name, shared.resolvers.keys());
        const message = `Proxy '${draft.name}': Can't find resolvers section '${name}' for ${user}.${hint}`;
        context.problems.alert(position, message);
      });
      return () => shared.resolvers.get(name)!;
    },
    warn: (message) => context.problems.warn(position, message),
  };
}
