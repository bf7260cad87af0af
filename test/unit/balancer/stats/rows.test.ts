import { describe, expect, test } from 'vitest';
import { COLUMNS } from '../../../../services/balancer/stats/columns.ts';
import { buildRows, serverStatus } from '../../../../services/balancer/stats/rows.ts';
import { CHECK, proxy, server, viewOf } from './view.ts';

test('rows come proxy by proxy: frontend, servers, backend', () => {
  const view = viewOf(
    proxy({ name: 'front', kind: 'frontend', id: 1, defaultBackend: 'back' }),
    proxy({
      name: 'back',
      kind: 'backend',
      id: 2,
      servers: [server({}), server({ name: 's2', id: 2 })],
    }),
    proxy({ name: 'both', kind: 'listen', id: 3, servers: [server({ name: 'x' })] }),
  );
  expect(
    buildRows(view).map((row) => `${row.pxname}/${row.svname} ${row.type}/${row.iid}/${row.sid}`),
  ).toEqual([
    'front/FRONTEND 0/1/0',
    'back/s1 2/2/1',
    'back/s2 2/2/2',
    'back/BACKEND 1/2/0',
    'both/FRONTEND 0/3/0',
    'both/x 2/3/1',
    'both/BACKEND 1/3/0',
  ]);
});

test('every name in a row is a column', () => {
  const names = new Set(COLUMNS.map(({ name }) => name));
  const checked = server({ check: CHECK, maxconn: 5 });
  for (const row of buildRows(
    viewOf(proxy({ servers: [checked] }), proxy({ mode: 'tcp', id: 2 })),
  )) {
    for (const name of Object.keys(row)) expect(names).toContain(name);
  }
});

test('counters reach their columns', () => {
  const view = viewOf(proxy({ servers: [server({ maxconn: 7 })] }));
  const [backend] = view.backends;
  const place = backend!.tryAssign(undefined);
  const { counters } = backend!.servers[0]!;
  counters.bin = 10;
  counters.bout = 20;
  counters.response(204);
  counters.response(503);
  counters.qtime.add(30);
  const row = buildRows(view).find(({ svname }) => svname === 's1');
  expect(row).toMatchObject({
    scur: 1,
    smax: 1,
    slim: 7,
    stot: 1,
    bin: 10,
    bout: 20,
    hrsp_2xx: 1,
    hrsp_5xx: 1,
    lbtot: 1,
    qtime: 30,
    qtime_max: 30,
    lastsess: 0,
  });
  place?.release();
  expect(buildRows(view).find(({ svname }) => svname === 's1')).toMatchObject({ scur: 0, smax: 1 });
});

test('a backend without fullconn shows a tenth of its frontends’ maxconn, rounded up', () => {
  const view = viewOf(
    proxy({ name: 'f', kind: 'frontend', id: 1, maxconn: 4096, defaultBackend: 'b' }),
    proxy({ name: 'g', kind: 'frontend', id: 2, maxconn: 100, defaultBackend: 'other' }),
    proxy({ name: 'b', kind: 'backend', id: 3 }),
    proxy({ name: 'other', kind: 'backend', id: 4, fullconn: 33 }),
  );
  const limits = buildRows(view).filter(({ svname }) => svname === 'BACKEND');
  expect(limits.map(({ slim }) => slim)).toEqual([410, 33]);
});

test('mode tcp leaves the HTTP columns empty', () => {
  const rows = buildRows(viewOf(proxy({ mode: 'tcp', servers: [server({})] })));
  for (const row of rows) {
    expect(row.hrsp_2xx).toBeUndefined();
    expect(row.cache_hits).toBeUndefined();
    expect(row.intercepted).toBeUndefined();
  }
});

describe('words for a server’s state', () => {
  const ok = { status: 'L4OK', duration: 1 } as const;
  const refused = { status: 'L4CON', duration: 1, info: 'Connection refused' } as const;

  test('through its whole life', () => {
    const view = viewOf(proxy({ servers: [server({ check: CHECK })] }));
    const one = view.backends[0]!.servers[0]!;
    const words = [serverStatus(one)];
    for (const report of [ok, refused, refused, refused, ok, ok]) {
      one.checked(report);
      words.push(serverStatus(one));
    }
    expect(words).toEqual(['UP 1/3', 'UP', 'UP 2/3', 'UP 1/3', 'DOWN', 'DOWN 1/2', 'UP']);
  });

  test('unchecked, in maintenance', () => {
    const view = viewOf(
      proxy({ servers: [server({}), server({ name: 'm', id: 2, disabled: true })] }),
    );
    expect(view.backends[0]!.servers.map(serverStatus)).toEqual(['no check', 'MAINT']);
  });

  test('a backend is down with its last server, and up without any', () => {
    const view = viewOf(
      proxy({ servers: [server({ check: CHECK })] }),
      proxy({ name: 'none', id: 2 }),
    );
    view.backends[0]!.servers[0]!.checked(refused);
    const backends = buildRows(view).filter(({ svname }) => svname === 'BACKEND');
    expect(backends.map(({ status }) => status)).toEqual(['DOWN', 'UP']);
    const [row] = buildRows(view).filter(({ svname }) => svname === 's1');
    expect(row).toMatchObject({
      check_status: 'L4CON',
      check_desc: 'Layer4 connection problem',
      last_chk: 'Connection refused',
      chkfail: 1,
      chkdown: 1,
      check_health: 0,
    });
  });
});
