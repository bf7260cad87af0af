import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hashPassword } from '#core/passwords.ts';
import { accessListFor, covers, overlaps } from '../../../services/broker/auth/acl.ts';
import { PasswordVerifier } from '../../../services/broker/auth/verifier.ts';
import { type InProcessBroker, startInProcess } from '../../support/broker-peer.ts';

let server: InProcessBroker;
beforeAll(async () => {
  server = await startInProcess(`{
    users: [
      { name: ada, password: "${await hashPassword('lovelace')}", acl: [
        { topic: "home/%u/#", access: readwrite }, { topic: "dev/%c/+", access: write },
        { topic: "home/+/secret", access: deny } ] },
      { name: bob, password: plain },
      { name: root, password: toor, admin: true } ],
    acl: [ { topic: "public/private", access: deny }, { topic: "public/#", access: read },
      { topic: "home/bob/#", access: readwrite } ] }`);
});
afterAll(() => server?.stop());

const login = (username: string, password: string, extra = {}) =>
  server.peer({ version: 5, username, password, ...extra });

describe('authentication', () => {
  test('right passwords, hashed and plain, come in; all else is refused', async () => {
    const codes: Record<string, unknown> = {};
    for (const [user, password] of [
      ['ada', 'lovelace'],
      ['bob', 'plain'],
      ['ada', 'wrong'],
      ['nobody', 'x'],
      ['', ''],
    ] as const) {
      const peer = await server.peer();
      const credentials = user === '' ? {} : { username: user, password };
      codes[`${user}:${password}`] = (
        await peer.connect({ version: 5, ...credentials })
      ).reasonCode;
    }
    expect(codes).toEqual({
      'ada:lovelace': 0,
      'bob:plain': 0,
      'ada:wrong': 0x86,
      'nobody:x': 0x86,
      ':': 0x87,
    });
    const old = await server.peer();
    expect((await old.connect({ username: 'ada', password: 'no' })).returnCode).toBe(5);
  });

  test('a storm of the same credentials runs scrypt once, wrong ones never more than two at a time', async () => {
    const verifier = new PasswordVerifier();
    const stored = await hashPassword('x');
    const started = performance.now();
    const right = await Promise.all(
      Array.from({ length: 1000 }, () => verifier.verify('u', stored, Buffer.from('x'))),
    );
    const took = performance.now() - started;
    expect(right.every((r) => r === true)).toBe(true);
    console.log(`1000 verifications of one password: ${took.toFixed(0)} ms`);
    const wrong = await Promise.all(
      Array.from({ length: 10 }, (_, i) => verifier.verify('u', stored, Buffer.from(`y${i}`))),
    );
    expect(wrong.every((r) => r === false)).toBe(true);
  });
});

describe('access rules', () => {
  test('publish: own rules first, then everyone’s; a refusal has reason 0x87', async () => {
    const ada = await login('ada', 'lovelace', { clientId: 'c1' });
    const code = async (topic: string) =>
      (await ada.publish(topic, 'x', { qos: 1 }))?.reasonCode ?? 0;
    expect(await code('home/ada/lamp')).toBe(0);
    expect(await code('home/bob/secret')).toBe(0x87);
    expect(await code('home/bob/lamp')).toBe(0);
    expect(await code('dev/c1/x')).toBe(0);
    expect(await code('dev/c2/x')).toBe(0x87);
    expect(await code('public/x')).toBe(0x87);
    expect(await code('$SYS/broker/x')).toBe(0x87);
  });

  test('subscribe: refused where nothing could be read; delivery is checked topic by topic', async () => {
    const ada = await login('ada', 'lovelace', { clientId: 'c1' });
    expect((await ada.subscribe('nowhere/#')).granted).toEqual([0x87]);
    expect((await ada.subscribe('public/private')).granted).toEqual([0x87]);
    expect((await ada.subscribe('$SYS/#')).granted).toEqual([0x87]);
    expect((await ada.subscribe('dev/c1/x')).granted).toEqual([0x87]);
    expect((await ada.subscribe('public/#')).granted).toEqual([0]);
    const root = await login('root', 'toor');
    await root.publish('public/private', 'hidden', { qos: 1, retain: true });
    await root.publish('public/open', 'seen', { qos: 1 });
    expect((await ada.expect('publish')).topic).toBe('public/open');
    await ada.subscribe('public/+');
    await ada.expectNothing();
  });

  test('a will is checked at CONNECT', async () => {
    const peer = await server.peer();
    const will = { topic: 'nowhere', payload: Buffer.from('x'), qos: 0, retain: false };
    const connack = await peer.connect({ version: 5, username: 'ada', password: 'lovelace', will });
    expect(connack.reasonCode).toBe(0x87);
  });

  test('$SYS is for admins', async () => {
    const root = await login('root', 'toor');
    await root.subscribe('$SYS/broker/version');
    expect((await root.expect('publish')).payload?.toString()).toMatch(/^bramble version/);
    expect((await root.publish('$SYS/x', 'x', { qos: 1 }))?.reasonCode).toBe(0x87);
  });

  test('a name with a wildcard in it smuggles nothing into a rule', () => {
    const rules = [{ topic: 'u/%u/#', access: 'readwrite' as const }];
    const evil = { name: '+', password: 'x', admin: false, acl: rules };
    expect(accessListFor(evil, [], 'c', false).allows('read', 'u/ada/x')).toBe(false);
    const byId = [{ topic: 'c/%c', access: 'readwrite' as const }];
    expect(accessListFor(undefined, byId, '#', false).allows('write', 'c/x/y')).toBe(false);
  });

  test('overlap and cover of filters', () => {
    expect([overlaps('a/+', 'a/b'), overlaps('a/#', '+/b'), overlaps('a', 'b')]).toEqual([
      true,
      true,
      false,
    ]);
    expect([overlaps('#', '$SYS/x'), overlaps('a/b', 'a/b/c'), overlaps('a/#', 'a')]).toEqual([
      false,
      false,
      true,
    ]);
    expect([covers('a/#', 'a/+/b'), covers('a/+', 'a/#'), covers('+/b', 'a/b')]).toEqual([
      true,
      false,
      true,
    ]);
  });
});

test('a connection beyond the limit is refused: 0x97, and code 3 in 3.1.1', async () => {
  const small = await startInProcess('{ anonymous: true, limits: { connections: 2 } }');
  await small.peer({});
  await small.peer({});
  const third = await small.peer();
  expect((await third.connect({ version: 5 })).reasonCode).toBe(0x97);
  const fourth = await small.peer();
  expect((await fourth.connect({})).returnCode).toBe(3);
  await small.stop();
});

test('client ids: control characters and overlong ones are refused', async () => {
  const open = await startInProcess();
  for (const clientId of ['a\u0001b', 'x'.repeat(300)]) {
    const peer = await open.peer();
    expect((await peer.connect({ version: 5, clientId })).reasonCode).toBe(0x85);
  }
  const spaced = await open.peer();
  expect((await spaced.connect({ version: 5, clientId: 'living room.*>/äö' })).reasonCode).toBe(0);
  await open.stop();
});
