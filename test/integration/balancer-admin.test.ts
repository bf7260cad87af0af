import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePortRange } from '../support/ports.ts';
import type { ProxyProcess } from '../support/proxy-process.ts';
import { BOTH, startEither, type Which } from '../support/side-by-side.ts';
import { echo, Peer } from '../support/tcp-peers.ts';

const peer = new Peer('peer', echo);
const setups = new Map<Which, { proxy: ProxyProcess; base: number }>();

const configOf = (base: number): string => `
defaults
    mode http
    timeout connect 2s
    timeout client 10s
    timeout server 10s
frontend st
    bind 127.0.0.1:${base}
    stats enable
    stats uri /st
    stats admin if { hdr(x-who) me }
    stats show-legends
    stats show-node myname
    stats show-desc Some description
    stats scope b
    stats scope .
backend b
    balance roundrobin
    server s1 127.0.0.1:${peer.port} check inter 60s
    server s2 127.0.0.1:${peer.port} agent-check agent-port ${base + 5} agent-inter 60s
backend hidden
    server s1 127.0.0.1:${peer.port}
frontend closed
    bind 127.0.0.1:${base + 1}
    stats enable
    stats uri /st
`;

beforeAll(async () => {
  await peer.start();
  for (const which of BOTH) {
    const base = await freePortRange(6);
    const proxy = await startEither(which, { config: configOf(base), ports: [base, base + 1] });
    setups.set(which, { proxy, base });
  }
});

afterAll(async () => {
  for (const { proxy } of setups.values()) await proxy.stop('SIGKILL');
  await peer.stop();
});

async function post(which: Which, form: string, { port = 0, who = 'me' } = {}): Promise<string> {
  const { base } = setups.get(which)!;
  const response = await fetch(`http://127.0.0.1:${base + port}/st`, {
    method: 'POST',
    body: form,
    redirect: 'manual',
    headers: { 'x-who': who, 'content-type': 'application/x-www-form-urlencoded' },
  });
  const { headers } = response;
  await response.text();
  return `${response.status} ${headers.get('location')} ${headers.get('cache-control')}`;
}

async function statuses(which: Which): Promise<string[]> {
  const { base } = setups.get(which)!;
  const text = await (await fetch(`http://127.0.0.1:${base}/st;csv;norefresh`)).text();
  return text.split('\n').flatMap((line) => {
    const cells = line.split(',');
    const status = cells[17]?.replace(/ \d\/\d$/, '');
    return cells.length < 20 || line.startsWith('#') ? [] : [`${cells[0]}/${cells[1]} ${status}`];
  });
}

const FORMS = `s=s1&action=maint&b=b
s=s1&action=ready&b=b
s=s1&action=drain&b=%233
s=s1&action=drain&b=%232
s=s1&s=s2&action=maint&b=b
s=s1&s=s2&action=ready&b=b
s=s1&action=foo&b=b
s=zz&action=maint&b=b
s=s1&action=maint&b=zz
s=s1&action=&b=b
s=s1&action=maint
action=maint&b=b
garbage
s=s1&s=zz&action=drain&b=b
s=s1&action=ready&b=b
s=s1&action=dhlth&b=b
s=s1&action=hnolb&b=b
s=s1&action=hdown&b=b
s=s1&action=hrunn&b=b
s=s1&action=ehlth&b=b
s=s2&action=dagent&b=b
s=s2&action=adown&b=b
s=s2&action=arunn&b=b
s=s2&action=eagent&b=b
s=s1&action=shutdown&b=b
s=s1&action=disable&b=b
s=s1&action=enable&b=b
s=s1&action=stop&b=b
s=s1&action=start&b=b`;

test('orders given on the page are carried out as by HAProxy, with the same answer', async () => {
  const forms = FORMS.split('\n');
  for (const form of forms) {
    const [theirs, ours] = [await post('haproxy', form), await post('bramble', form)];
    expect(ours, form).toBe(theirs);
    expect(await statuses('bramble'), form).toEqual(await statuses('haproxy'));
  }
  console.log(`${forms.length} forms with the same answers and the same states after each`);
});

test('who may not change anything is told so', async () => {
  for (const which of BOTH) {
    const before = await statuses(which);
    expect(await post(which, 's=s1&action=maint&b=b', { who: 'you' })).toContain(';st=DENY');
    expect(await post(which, 's=s1&action=maint&b=b', { port: 1 })).toContain(';st=DENY');
    expect(await statuses(which)).toEqual(before);
  }
});

test('the page has the form, the outcome, the node and the legends, and only what is in scope', async () => {
  for (const which of BOTH) {
    const { base } = setups.get(which)!;
    const get = async (path: string, who: string): Promise<string> =>
      (await fetch(`http://127.0.0.1:${base}${path}`, { headers: { 'x-who': who } })).text();
    const page = await get('/st', 'me');
    expect(page, which).toContain('<form method="post">');
    for (const action of ['ready', 'drain', 'maint', 'hrunn', 'hdown', 'dagent', 'shutdown']) {
      expect(page, which).toMatch(new RegExp(`<option value="?${action}"?>`));
    }
    expect(page, which).toMatch(/type="hidden" name="?b"? value="#\d"/);
    expect(page, which).toMatch(/type="checkbox" name="s" value="s1"/);
    expect(page, which).toContain('myname');
    expect(page, which).toContain('Some description');
    expect(page, which).toContain(`127.0.0.1:${peer.port}`);
    expect(page, which).toContain('#c0ffc0');
    expect(page, which).not.toContain('hidden/');
    expect(await get('/st;st=DONE', 'me'), which).toContain('Action processed successfully.');
    expect(await get('/st', 'you'), which).not.toContain('<form method="post">');
  }
});

test('a form that comes in pieces is waited for', async () => {
  const { base } = setups.get('bramble')!;
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (const piece of ['s=s1&act', 'ion=maint', '&b=b']) {
      yield Buffer.from(piece);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  const response = await fetch(`http://127.0.0.1:${base}/st`, {
    method: 'POST',
    body: ReadableStream.from(pieces()),
    redirect: 'manual',
    duplex: 'half',
    headers: { 'x-who': 'me' },
  } as RequestInit);
  expect(response.headers.get('location')).toBe('/st;st=DONE');
  expect(await statuses('bramble')).toContain('b/s1 MAINT');
});
