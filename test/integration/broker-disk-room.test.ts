import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLog } from '#core/log.ts';
import { DiskGuard } from '../../services/broker/cluster/disk-guard.ts';
import { eventually } from '../support/broker.ts';
import { LogNode } from '../support/log-nodes.ts';
import { startNats } from '../support/nats.ts';

const PATIENCE = 30_000;
const SIZE = 40 << 20;
/** A twentieth of it. */
const RESERVE = SIZE / 20;
const SEVERAL_LOOKS = 1_000;
const permitted = process.getuid?.() === 0;

let directory = '';
let disk = '';

beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'bramble-room-'));
  disk = path.join(directory, 'disk');
  mkdirSync(disk);
  if (!permitted) return;
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'bramble-test', disk]);
});
afterAll(() => {
  if (permitted) execFileSync('umount', [disk]);
  rmSync(directory, { recursive: true });
});

test.runIf(permitted)(
  'on a nearly full disk a node tells so, and on a full one its nats-server stands still',
  async () => {
    const told: boolean[] = [];
    const nats = await startNats(1);
    const { pid } = nats.servers[0]!.process;
    const stands = () => isStopped(pid!);
    writeFileSync(path.join(directory, 'pid'), `${pid}`);
    const guardOfDisk = () =>
      new DiskGuard({
        directory: disk,
        members: { tellFull: (full) => told.push(full) },
        pidFile: path.join(directory, 'pid'),
        log: createLog({ service: 'room', node: 'n', level: 'silent' }),
      });
    const filler = path.join(disk, 'filler');
    writeFileSync(filler, '');
    /** So many reserves. */
    const leave = (share: number): void => {
      const [now, then] = [statSync(filler).size, SIZE - Math.round(RESERVE * share)];
      if (then < now) truncateSync(filler, then);
      else appendFileSync(filler, Buffer.alloc(then - now));
    };
    const [first, second] = [guardOfDisk(), guardOfDisk()];
    try {
      leave(1.2);
      first.start();
      await sleep(SEVERAL_LOOKS);
      expect(told).toEqual([]);
      leave(0.8);
      await eventually('the others are told', () => told.length === 1, PATIENCE);
      expect([stands(), first.unready]).toEqual([false, undefined]);

      leave(0.2);
      await eventually('it stands still', stands, PATIENCE);
      expect(first.unready).toContain('make room');
      // Not before the whole reserve is there again.
      leave(0.8);
      await sleep(SEVERAL_LOOKS);
      expect(stands()).toBe(true);
      leave(1.2);
      await eventually('it goes on', () => !stands(), PATIENCE);
      expect(first.unready).toBeUndefined();
      await sleep(SEVERAL_LOOKS);
      // A little more than the reserve is not enough for messages.
      expect(told).toEqual([true]);

      leave(0.2);
      await eventually('it stands still again', stands, PATIENCE);
      first.close();
      leave(2);
      second.start();
      await eventually('the next broker lets it go on', () => !stands(), PATIENCE);
      expect(told).toEqual([true]);
    } finally {
      first.close();
      second.close();
      await nats.stop();
    }
  },
  PATIENCE * 4,
);

/** proc(5): `pid (name) state …`. */
function isStopped(pid: number): boolean {
  return / T /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

test(
  'a majority of full disks ends what is taken, one of three does not; all are told',
  async () => {
    const nats = await startNats(3);
    const nodes = nats.servers.map((server) => {
      const node: LogNode = new LogNode(server, 3, {
        room: () => node.members.fullMachines < 2,
      });
      return node;
    });
    try {
      await Promise.all(nodes.map((node) => node.start()));
      const [first, second, third] = nodes as [LogNode, LogNode, LogNode];
      const full = (count: number) =>
        eventually(
          `all know of ${count}`,
          () => nodes.every(({ members }) => members.fullMachines === count),
          PATIENCE,
        );
      const attempt = async (): Promise<string> => {
        const [confirmed, failed] = [third.confirmed.size, third.failed];
        third.append('a/b', Buffer.from('x'));
        await eventually(
          'it is settled',
          () => third.confirmed.size + third.failed > confirmed + failed,
          PATIENCE,
        );
        return third.confirmed.size > confirmed ? 'taken' : 'refused';
      };
      expect(await attempt()).toBe('taken');
      first.members.tellFull(true);
      await full(1);
      expect(await attempt()).toBe('taken');
      second.members.tellFull(true);
      await full(2);
      expect(await attempt()).toBe('refused');
      first.members.tellFull(false);
      await full(1);
      expect(await attempt()).toBe('taken');
    } finally {
      await Promise.all(nodes.map((node) => node.close()));
      await nats.stop();
    }
  },
  PATIENCE * 4,
);
