import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { findProgram } from '../../provisioning/dev/find-program.ts';
import { BALANCER_PROGRAM } from '../support/balancer.ts';

const directory = mkdtempSync(path.join(tmpdir(), 'bramble-check-config-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const SERVER = ' server s 127.0.0.1:1 check';

/** Lines of a `listen`, those of `global` in front of `|`. */
const GOOD: readonly string[] = [
  ' server s 127.0.0.1:1 agent-check agent-port 5 agent-inter 3s agent-send "x\\n" agent-addr 127.0.0.2',
  ' default-server agent-check agent-port 5\n server s 127.0.0.1:1 no-agent-check',
  `${SERVER} observe layer4 error-limit 3 on-error sudden-death`,
  `${SERVER} on-marked-down shutdown-sessions on-marked-up shutdown-backup-sessions`,
  `${SERVER}\n server t 127.0.0.1:1 track s\n server u 127.0.0.1:1 track a/t`,
  ' server s 127.0.0.1:1 agent-check agent-port 1 track t\n server t 127.0.0.1:1 check',
  ` external-check\n insecure-fork-wanted| option external-check\n external-check command /bin/true\n external-check path /bin\n${SERVER}`,
  ` spread-checks 5\n max-spread-checks 10s|${SERVER}`,
  ` option mysql-check user joe pre-41\n${SERVER}`,
  ` option smtpchk EHLO x\n${SERVER}`,
  ` option tcp-check\n tcp-check comment x\n tcp-check connect port 80 linger\n tcp-check send x comment y\n tcp-check expect ! binary 00\n${SERVER}`,
  ` option httpchk\n http-check connect\n http-check send meth GET hdr host x\n http-check expect ! fhdr name -m beg x\n${SERVER}`,
];
const BAD: readonly string[] = [
  ' server s 127.0.0.1:1 agent-check',
  `${SERVER} agent-inter 0`,
  `${SERVER} observe foo`,
  `${SERVER} error-limit 0`,
  `${SERVER} on-error foo`,
  `${SERVER} on-marked-down foo`,
  `${SERVER} on-marked-up foo`,
  ' server s 127.0.0.1:1 track x',
  ' server s 127.0.0.1:1 track x/y',
  ' server s 127.0.0.1:1 track s',
  ' server s 127.0.0.1:1 track t\n server t 127.0.0.1:1 track s',
  ' server s 127.0.0.1:1 track t\n server t 127.0.0.1:1',
  `${SERVER} track t\n server t 127.0.0.1:1 check`,
  `${SERVER} init-state up`,
  `${SERVER} check-ssl`,
  ` option external-check\n${SERVER}`,
  ` external-check| option external-check\n${SERVER}`,
  ` external-check x|${SERVER}`,
  ' external-check command',
  ' external-check foo bar',
  ` spread-checks 60|${SERVER}`,
  ` max-spread-checks x|${SERVER}`,
  ' load-server-state-from-file foo',
  ` server-state-file|${SERVER}`,
  ' option mysql-check foo',
  ' option mysql-check user',
  ' option mysql-check user x post-42',
  ' option pgsql-check',
  ' option pgsql-check foo bar',
  ' option redis-check x',
  ' tcp-check foo',
  ' tcp-check send',
  ' tcp-check send x foo',
  ' tcp-check send-binary 0g',
  ' tcp-check expect',
  ' tcp-check expect foo',
  ' tcp-check expect status 200',
  ' tcp-check expect string',
  ' tcp-check expect string a string b',
  ' tcp-check expect rstring (',
  ' tcp-check expect string a ok-status foo',
  ' tcp-check expect string a tout-status L7OK',
  ' tcp-check expect ! comment x string y',
  ' tcp-check connect port 70000',
  ' tcp-check connect foo',
  ' tcp-check send x\n tcp-check connect',
  ' tcp-check comment',
  ' option httpchk\n http-check expect hdr x',
  ' option httpchk\n http-check expect hdr name -m foo x',
  ' option httpchk\n http-check expect status 2x0',
  ' option httpchk\n http-check expect binary 00',
  ' option httpchk\n http-check connect\n http-check expect status 200',
  ' option httpchk\n http-check send uri /a\n http-check send uri /b',
  ' option httpchk\n http-check send hdr x',
  ' option httpchk\n http-check send foo',
  ' option httpchk\n http-check foo',
];

function verdict(program: string, lines: string): { status: number | null; text: string } {
  const [global, body] = lines.includes('|') ? (lines.split('|') as [string, string]) : ['', lines];
  const file = path.join(directory, 'proxy.cfg');
  writeFileSync(
    file,
    `global\n${global}\ndefaults\n timeout connect 1s\n timeout client 1s\n timeout server 1s\nlisten a\n bind 127.0.0.1:9\n${body}\n`,
  );
  const { status, stdout, stderr } = spawnSync(program, ['-c', '-f', file], { encoding: 'utf8' });
  return { status, text: `${stdout}${stderr}` };
}

describe('the keywords of checks', () => {
  const haproxy = findProgram('haproxy')!;

  test.each(GOOD.map((lines) => [lines]))('both take: %s', (lines) => {
    expect(verdict(haproxy, lines)).toMatchObject({ status: 0 });
    expect(verdict(BALANCER_PROGRAM, lines)).toMatchObject({ status: 0 });
  });

  test.each(BAD.map((lines) => [lines]))('both refuse, and say where: %s', (lines) => {
    expect(verdict(haproxy, lines).status).toBe(1);
    const ours = verdict(BALANCER_PROGRAM, lines);
    expect(ours.status).toBe(1);
    expect(ours.text).toMatch(/\[ALERT\] .*proxy\.cfg:\d+/);
  });
});
