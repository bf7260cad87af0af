import path from 'node:path';

/** Where everything of ours lies on a node. */
export interface Layout {
  /** What services read. */
  etc: string;
  releases: string;
  /** A symbolic link to the release that runs. */
  current: string;
  /** Configurations that wait, and the one from before. */
  generations: string;
  /** Where commands are found. */
  commands: string;
  /** Units of the system's owner, and those of the distribution or image. */
  units: string;
  systemUnits: string;
}

/** `root` is another place than `/` in tests alone. */
export function nodeLayout(root = '/'): Layout {
  const at = (place: string): string => path.join(root, place);
  return {
    etc: at('etc/bramble'),
    releases: at('opt/bramble/releases'),
    current: at('opt/bramble/current'),
    generations: at('var/lib/bramble/generations'),
    commands: at('usr/local/bin'),
    units: at('etc/systemd/system'),
    systemUnits: at('usr/lib/systemd/system'),
  };
}

/** What a directory of a release may be called: it becomes part of a path. */
export const RELEASE_NAME = /^bramble-[0-9A-Za-z.+_-]{1,80}$/;

/** What the node's own owner calls it by. */
export const CLUSTER_FILE = 'cluster.yaml';
