import type { Position } from '../../model.ts';
import type { SampleType } from '../../samples/sample.ts';
import type { DataName } from './data-types.ts';

export type KeyType = 'ip' | 'ipv6' | 'integer' | 'string' | 'binary';

export interface StoredData {
  readonly name: DataName;
  /** Milliseconds, of a rate. */
  readonly period: number;
  /** Of an array; 1 where it is none. */
  readonly elements: number;
}

/** One `stick-table` line; the table has its proxy's name. */
export interface StickTableConfig {
  readonly name: string;
  readonly type: KeyType;
  /** Most bytes of a text, or the bytes of a binary key. */
  readonly length: number;
  /** Most entries. */
  readonly size: number;
  /** Milliseconds since an entry was last used; undefined = for ever. */
  readonly expire: number | undefined;
  /** A full table takes nobody new, instead of forgetting the oldest. */
  readonly nopurge: boolean;
  readonly store: readonly StoredData[];
  readonly position: Position;
}

/** What a value has to become to be a key. */
export const SAMPLE_OF: Readonly<Record<KeyType, SampleType>> = {
  ip: 'ipv4',
  ipv6: 'ipv6',
  integer: 'sint',
  string: 'str',
  binary: 'bin',
};
