import { expect, test } from 'vitest';
import { parseCluster } from '#core/config/cluster.ts';
import { hashPasswordArgon2, hashProblem, verifyPassword } from '#core/passwords.ts';
import { decoyFor } from '../../../../services/broker/auth/access.ts';
import { PasswordVerifier } from '../../../../services/broker/auth/verifier.ts';

/** From the test vectors of the reference implementation of Argon2. */
const REFERENCE =
  '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';

test('an argon2id hash made elsewhere is verified', async () => {
  expect(await verifyPassword(REFERENCE, Buffer.from('password'))).toBe(true);
  expect(await verifyPassword(REFERENCE, Buffer.from('passwore'))).toBe(false);
});

test('our own argon2id hashes verify their password and no other, and never repeat', async () => {
  const [first, second] = await Promise.all([
    hashPasswordArgon2('höhle'),
    hashPasswordArgon2('höhle'),
  ]);
  expect(first).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  expect(first).not.toBe(second);
  expect(await verifyPassword(first!, Buffer.from('höhle'))).toBe(true);
  expect(await verifyPassword(first!, Buffer.from('hohle'))).toBe(false);
});

test('what looks like an argon2 hash and is none is refused in cluster.yaml and matches nothing', async () => {
  const bad = [
    '$argon2id$nonsense',
    '$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    '$argon2id$v=19$m=9999999,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    '$argon2id$v=19$m=4,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    '$argon2id$v=19$m=65536,t=2,p=1$c2E$CTFh',
  ];
  for (const stored of bad) {
    expect(hashProblem(stored)).toBeDefined();
    expect(await verifyPassword(stored, Buffer.from(stored))).toBe(false);
    const text = `cluster: { name: t, secret: 0123456789abcdef }
nodes: [ { name: a, address: 10.0.0.1 } ]
mqtt: { users: [ { name: u, password: "${stored}" } ] }`;
    expect(() => parseCluster(text)).toThrow(
      /cluster\.yaml:3:\d+: mqtt\.users\.0\.password: .*argon2id/,
    );
  }
  expect(hashProblem(REFERENCE)).toBeUndefined();
  expect(hashProblem('plain')).toBeUndefined();
});

test('an unknown user costs what a known one does, and no password is right', async () => {
  const user = (name: string, password: string) => ({ name, password, admin: false, acl: [] });
  const decoy = decoyFor([user('plain', 'text'), user('ada', REFERENCE)]);
  expect(decoy).toMatch(/^\$argon2id\$v=19\$m=65536,t=2,p=1\$c29tZXNhbHQ\$A{43}$/);
  expect(hashProblem(decoy)).toBeUndefined();
  expect(await verifyPassword(decoy, Buffer.from('password'))).toBe(false);
  expect(decoyFor([user('plain', 'text')])).toMatch(/^\$scrypt\$ln=14,r=8,p=1\$A+\$A+$/);
});

test('a storm of the same credentials runs argon2id once', async () => {
  const verifier = new PasswordVerifier();
  const stored = await hashPasswordArgon2('x');
  const started = performance.now();
  const right = await Promise.all(
    Array.from({ length: 1000 }, () => verifier.verify('u', stored, Buffer.from('x'))),
  );
  console.log(`1000 verifications of one password: ${(performance.now() - started).toFixed(0)} ms`);
  expect(right.every((one) => one === true)).toBe(true);
});
