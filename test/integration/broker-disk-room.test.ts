import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLog } from '#core/log.ts';
import { DiskRoom } from '../../services/broker/cluster/disk-room.ts';
import { eventually } from '../support/broker.ts';
import { LogNode } from '../support/log-nodes.ts';
import { startNats } from '../support/nats.ts';

const PATIENCE = 30_000;
const SIZE = 40 << 20;
const permitted = process.getuid?.() === 0;

let disk = '';

beforeAll(() => {
  disk = mkdtempSync(path.join(tmpdir(), 'bramble-room-'));
  if (!permitted) return;
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'bramble-test', disk]);
});
afterAll(() => {
  if (permitted) execFileSync('umount', [disk]);
  rmSync(disk, { recursive: true });
});

test.runIf(permitted)(
  'a disk is nearly full at a twentieth, and not any more with some room',
  async () => {
    const told: boolean[] = [];
    const log = createLog({ service: 'room', node: 'n', level: 'silent' });
    const room = new DiskRoom({ directory: disk, onChange: (low) => told.push(low), log });
    room.start();
    const filler = path.join(disk, 'filler');
    writeFileSync(filler, Buffer.alloc(SIZE - (3 << 20)));
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(told).toEqual([]);
    writeFileSync(filler, Buffer.alloc(SIZE - (1 << 20)));
    await eventually('it is nearly full', () => told.length === 1, PATIENCE);
    // A little more than the reserve is not enough.
    writeFileSync(filler, Buffer.alloc(SIZE - (5 << 19)));
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(told).toEqual([true]);
    rmSync(filler);
    await eventually('there is room', () => told.length === 2, PATIENCE);
    room.close();
    expect(told).toEqual([true, false]);
  },
);

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
