/**
 * The text files of the FAT partition. config.txt and its `os_prefix` are documented in Raspberry
 * Pi's "The config.txt file", the kernel's parameters in its admin-guide/kernel-parameters.
 */

/** The firmware's configuration, by which it starts one slot. */
export function configTxt(slot: 'a' | 'b'): string {
  return `# Read by the Raspberry Pi's firmware. The next line says which system starts.
os_prefix=${slot}/
arm_64bit=1
kernel=vmlinuz
initramfs initrd.img followkernel
# The kernel is Debian's: it brings no overlays, and finds the screen by itself.
upstream_kernel=1
enable_uart=1
disable_overscan=1
`;
}

/** Root slots: the directory on the FAT partition, and the partition. */
export const SLOTS = { a: 2, b: 3 } as const;

/** One line, as the firmware wants it. */
export function commandLine(signature: string, slot: keyof typeof SLOTS): string {
  return `${[
    'console=tty0',
    'console=ttyS1,115200',
    `root=PARTUUID=${partitionId(signature, SLOTS[slot])}`,
    `bramble.slot=${slot}`,
    'rootfstype=squashfs',
    'ro',
    'rootwait',
    'net.ifnames=0',
    'panic=10',
  ].join(' ')}\n`;
}

/** What the kernel calls a partition of an MBR disk: signature and number. */
export function partitionId(signature: string, partition: number): string {
  return `${signature}-${partition.toString(16).padStart(2, '0')}`;
}

/** What the slot of a new card is: nothing has to be shown by it, since there is no other. */
export const SLOT_STATE = 'good\n';

const CLUSTER_EXAMPLE = `# Copy this file to cluster.yaml, the same on every card, and change it. Without a cluster.yaml
# this Pi is a cluster of one.
cluster:
  name: home
  # At least 16 characters that nobody else knows.
  secret: change-me-change-me
nodes:
  - name: pi1
    address: 192.168.1.11
  - name: pi2
    address: 192.168.1.12
`;

/**
 * Files that tools and people look for. Raspberry Pi Imager writes the first four and fails where
 * it finds none to write.
 */
export const PLACEHOLDERS: Record<string, string> = {
  'cmdline.txt': '# The kernel reads cmdline.txt in the directory that config.txt names.\n',
  'user-data': '#cloud-config\n',
  'network-config': '# network-config\n',
  'meta-data': 'instance-id: bramble\n',
  'cluster.yaml.example': CLUSTER_EXAMPLE,
  // The room that it takes is there later too, when the partition may be full.
  'STATUS.txt': 'No Pi has started from this card yet.\r\n',
};
