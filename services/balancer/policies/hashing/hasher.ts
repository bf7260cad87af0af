import type { BalanceAlgorithm, HashConfig } from '../../model.ts';
import { asBytes } from '../../samples/cast.ts';
import { hashOfAddress } from './address.ts';
import { avalanche, HASH_FUNCTIONS } from './functions.ts';
import { formParameterOf, headerKey, parameterOf, uriKey } from './keys.ts';
import { rdpCookie } from './rdp-cookie.ts';
import { type HashSubject, NO_HASH } from './subject.ts';

/** 32 bits without a sign for a session's key, or NO_HASH where it has none. */
export type Hasher = (subject: HashSubject) => number;

/** The hasher of an algorithm; undefined for those that look at no key. */
export function createHasher(balance: BalanceAlgorithm, hash: HashConfig): Hasher | undefined {
  if (balance.name === 'source') {
    return ({ source }) => {
      const word = hashOfAddress(source);
      return hash.avalanche && word !== NO_HASH ? avalanche(word) : word;
    };
  }
  const key = keyOf(balance);
  if (!key) return undefined;
  const digest = HASH_FUNCTIONS[hash.function];
  return (subject) => {
    const text = key(subject);
    if (text === undefined) return NO_HASH;
    return hash.avalanche ? avalanche(digest(text)) : digest(text);
  };
}

type Key = (subject: HashSubject) => string | undefined;

function keyOf(balance: BalanceAlgorithm): Key | undefined {
  switch (balance.name) {
    case 'uri':
      return ({ head }) => head && uriKey(head.target, balance);
    case 'url_param':
      return ({ head, scope, data }) => {
        if (!head) return undefined;
        const found = parameterOf(head.target, balance.parameter);
        if (found !== undefined || head.method !== 'POST') return found;
        const body = scope?.body ?? (head.body > 0 && data ? textOf(data) : undefined);
        return body === undefined ? undefined : formParameterOf(body, balance.parameter);
      };
    case 'hdr':
      return ({ head }) => head && headerKey(head, balance.header, balance.domainOnly);
    case 'rdp-cookie':
      return ({ data }) => (data && rdpCookie(data, balance.cookie)) || undefined;
    case 'hash':
      return ({ scope }) => {
        const sample = scope && balance.expression.evaluate(scope);
        return sample && asBytes(sample);
      };
    default:
      return undefined;
  }
}

function textOf(data: readonly Buffer[]): string {
  let text = '';
  for (const chunk of data) text += chunk.toString('latin1');
  return text;
}
