import {
  createHmac,
  createPublicKey,
  type KeyObject,
  timingSafeEqual,
  verify,
  X509Certificate,
} from 'node:crypto';
import type { Converter, ConverterTable } from '../converter.ts';
import { type CompileEnvironment, ExpressionError } from '../fetch.ts';
import { int, str } from '../sample.ts';
import { parseVariable } from '../variables.ts';
import { jsonQuery, parseJsonPath } from './json-path.ts';

const ALGORITHM = /^(HS|RS|ES|PS)(256|384|512)$/;
/** What `jwt_verify` answers (manual, section 7.3.1). */
const VERDICT = {
  valid: 1,
  invalid: 0,
  unknownAlgorithm: -1,
  unmanaged: -2,
  invalidToken: -3,
  unknownKey: -5,
} as const;

/** Part 0 (header) or 1 (payload) of a token, whole or one value of it. RFC 7515, 7.1. */
const part = (index: 0 | 1, what: string): Converter => ({
  in: 'str',
  out: 'any',
  usage: '[<json_path>[,<output_type>]]',
  args: [0, 2],
  summary: `${what} of a JSON Web Token, or a value in it`,
  make: ([path = '', type = '']) => {
    if (type !== '' && type !== 'int') {
      throw new ExpressionError('output_type only supports "int" as argument');
    }
    const steps = path === '' ? undefined : parseJsonPath(path);
    return ({ value }) => {
      const encoded = String(value).split('.')[index];
      if (encoded === undefined || !/^[\w-]+$/.test(encoded)) return undefined;
      const text = Buffer.from(encoded, 'base64url').toString('latin1');
      return steps ? jsonQuery(text, steps, type === 'int') : str(text);
    };
  },
});

/** The key in a file (PEM); undefined where there is none, which each token is told then. */
function keyIn(path: string, environment: CompileEnvironment): KeyObject | undefined {
  try {
    const pem = (environment.readLines?.(path) ?? []).join('\n');
    if (pem.includes('BEGIN CERTIFICATE')) return new X509Certificate(pem).publicKey;
    return createPublicKey(pem);
  } catch {
    return undefined;
  }
}

function check(text: string, algorithm: string, key: string | KeyObject): number {
  const parts = text.split('.');
  // A single sign is no byte in base64.
  const whole = parts.every((each) => /^[\w-]+$/.test(each));
  if (parts.length !== 3 || !whole || parts[2]!.length % 4 === 1) {
    return VERDICT.invalidToken;
  }
  const signed = Buffer.from(`${parts[0]}.${parts[1]}`, 'latin1');
  const signature = Buffer.from(parts[2]!, 'base64url');
  const [, kind, bits] = ALGORITHM.exec(algorithm)!;
  // RFC 7518, 3.4: the two numbers of an ECDSA signature stand side by side.
  if (kind === 'ES' && signature.length % 2 !== 0) return VERDICT.invalidToken;
  if (typeof key === 'string') {
    const own = createHmac(`sha${bits}`, Buffer.from(key, 'latin1')).update(signed).digest();
    const same = own.length === signature.length && timingSafeEqual(own, signature);
    return same ? VERDICT.valid : VERDICT.invalid;
  }
  try {
    const how = kind === 'ES' ? { key, dsaEncoding: 'ieee-p1363' as const } : { key };
    return verify(`sha${bits}`, signed, how, signature) ? VERDICT.valid : VERDICT.invalid;
  } catch {
    return VERDICT.invalid;
  }
}

/** JSON Web Tokens: HAProxy 2.6 manual, section 7.3.1. */
export const JWT_CONVERTERS: ConverterTable = {
  jwt_header_query: part(0, 'the header'),
  jwt_payload_query: part(1, 'the payload'),
  jwt_verify: {
    in: 'str',
    out: 'sint',
    usage: '<alg>,<key>',
    args: [2, 2],
    summary:
      'whether the signature of a token is right: 1 yes, 0 no; the key is a secret (HS) or a file (RS, ES)',
    make: ([given = '', keyText = ''], environment) => {
      const dynamic = parseVariable(given);
      const fixed = 'error' in dynamic ? given : undefined;
      if (fixed !== undefined && !ALGORITHM.test(fixed)) {
        throw new ExpressionError(`unknown algorithm '${fixed}'`);
      }
      const variable = parseVariable(keyText);
      const isFile = fixed !== undefined && !fixed.startsWith('HS') && 'error' in variable;
      const loaded = isFile ? keyIn(keyText, environment) : undefined;
      return ({ value }, scope) => {
        const algorithm = fixed ?? String('error' in dynamic ? '' : scope.variable(dynamic)?.value);
        if (!ALGORITHM.test(algorithm)) return int(VERDICT.unknownAlgorithm);
        if (algorithm.startsWith('PS')) return int(VERDICT.unmanaged);
        const text = 'error' in variable ? keyText : scope.variable(variable)?.value;
        if (typeof text !== 'string') return undefined;
        const key = algorithm.startsWith('HS') ? text : loaded;
        return key === undefined
          ? int(VERDICT.unknownKey)
          : int(check(String(value), algorithm, key));
      };
    },
  },
};
