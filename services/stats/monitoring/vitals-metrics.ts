import { THROTTLE_FLAGS, type Vitals } from '#core/contracts/vitals.ts';
import { Gauge, type Registry } from '#core/metrics.ts';

interface Measure {
  name: string;
  help: string;
  label?: string;
  /** Values by label; what a machine has no sensor for has none. */
  read: (vitals: Vitals) => (readonly [label: string, value: number | undefined])[];
}

const one = (value: number | undefined) => [['', value]] as const;

const MEASURES: readonly Measure[] = [
  {
    name: 'temperature_celsius',
    help: 'Temperature of the CPU',
    read: ({ temperature }) => [...one(temperature)],
  },
  {
    name: 'cpu_usage_ratio',
    help: 'Busy share of all cores, 0 to 1',
    read: ({ cpu }) => [...one(cpu.usage === undefined ? undefined : cpu.usage / 100)],
  },
  { name: 'load1', help: 'Load average over a minute', read: ({ load }) => [...one(load[0])] },
  {
    name: 'uptime_seconds',
    help: 'Time since the machine was started',
    read: ({ uptime }) => [...one(uptime)],
  },
  {
    name: 'memory_size_bytes',
    help: 'Memory of the machine',
    read: ({ memory }) => [...one(memory.total)],
  },
  {
    name: 'memory_available_bytes',
    help: 'Memory that is free or would be given back',
    read: ({ memory }) => [...one(memory.available)],
  },
  {
    name: 'disk_size_bytes',
    help: 'Size of a file system',
    label: 'mount',
    read: ({ disks }) => disks.map(({ mount, size }) => [mount, size] as const),
  },
  {
    name: 'disk_used_bytes',
    help: 'What is used of a file system',
    label: 'mount',
    read: ({ disks }) => disks.map(({ mount, used }) => [mount, used] as const),
  },
  {
    name: 'disk_read_only',
    help: 'Whether a file system cannot be written to (1)',
    label: 'mount',
    read: ({ disks }) => disks.map(({ mount, readOnly }) => [mount, readOnly ? 1 : 0] as const),
  },
  {
    name: 'throttled',
    help: "Whether a Pi's firmware holds it back now (1), by reason",
    label: 'reason',
    read: ({ throttled }) =>
      throttled === undefined
        ? []
        : THROTTLE_FLAGS.map((flag) => [flag, throttled.now.includes(flag) ? 1 : 0] as const),
  },
];

/** What Prometheus learns of the machine; nothing while it was not measured. */
export function watchVitals(registry: Registry, read: () => Vitals | undefined): void {
  for (const { name, help, label, read: values } of MEASURES) {
    new Gauge({
      name: `bramble_node_${name}`,
      help,
      labelNames: label === undefined ? [] : [label],
      registers: [registry],
      collect() {
        this.reset();
        // A gauge without labels is 0 after a reset, which would be a lie.
        if (label === undefined) this.remove();
        const vitals = read();
        if (vitals === undefined) return;
        for (const [text, value] of values(vitals)) {
          if (value !== undefined) this.set(label === undefined ? {} : { [label]: text }, value);
        }
      },
    });
  }
}
