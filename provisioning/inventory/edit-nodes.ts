import { isMap, isSeq, parseDocument, type YAMLMap, type YAMLSeq } from 'yaml';
import { parseCluster } from '#core/config/cluster.ts';
import { ConfigError } from '#core/config/yaml-file.ts';
import { BrambleError, ERROR_CODES } from '#core/errors.ts';

export interface NodeEntry {
  name: string;
  address: string;
  roles?: readonly string[] | undefined;
}

/**
 * cluster.yaml with one node more; comments and all else stay. Throws USAGE where the file would no
 * longer be valid, ConfigError where it is not valid already.
 */
export function withNode(text: string, entry: NodeEntry): string {
  const { document, nodes } = read(text);
  const { name, address, roles } = entry;
  const value = { name, address, ...(roles === undefined ? {} : { roles }) };
  nodes.items.push(document.createNode(value, { flow: true }));
  return checked(String(document));
}

/** As withNode: another address for a node that is there. */
export function withAddress(text: string, name: string, address: string): string {
  const { document, nodes } = read(text);
  find(nodes, name).set('address', address);
  return checked(String(document));
}

/** As withNode: without a node that is there. */
export function withoutNode(text: string, name: string): string {
  const { document, nodes } = read(text);
  nodes.items.splice(nodes.items.indexOf(find(nodes, name)), 1);
  return checked(String(document));
}

function find(nodes: YAMLSeq, name: string): YAMLMap {
  const maps = nodes.items.filter((item): item is YAMLMap => isMap(item));
  const node = maps.find((item) => item.get('name') === name);
  if (node !== undefined) return node;
  const known = maps.map((item) => String(item.get('name'))).join(', ');
  throw new BrambleError(ERROR_CODES.USAGE, `cluster.yaml names no node "${name}"`, {
    hint: `its nodes are: ${known}`,
  });
}

function read(text: string) {
  parseCluster(text);
  const document = parseDocument(text);
  const nodes = document.get('nodes');
  if (!isSeq(nodes)) throw new BrambleError(ERROR_CODES.CONFIG_INVALID, 'nodes is no list');
  return { document, nodes };
}

function checked(text: string): string {
  try {
    parseCluster(text);
    return text;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const why = error.problems.map(({ message }) => message).join('; ');
    throw new BrambleError(ERROR_CODES.USAGE, `cluster.yaml would no longer be valid: ${why}`);
  }
}
