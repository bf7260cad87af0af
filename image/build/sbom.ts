import { createHash } from 'node:crypto';
import type { Pins } from './pins.ts';

export interface SbomOptions {
  name: string;
  version: string;
  arch: string;
  /** Debian's packages in the system. */
  debian: Pins;
  /** Names of jars in it, `name-version.jar` as Maven calls them. */
  jars: readonly string[];
  /** package-lock.json, parsed. */
  lock: PackageLock;
  /** Seconds since the epoch. */
  date: number;
}

export interface PackageLock {
  packages: Record<
    string,
    { version?: string; license?: string; integrity?: string; dev?: boolean } | undefined
  >;
}

/**
 * What the image is made of, as SPDX 2.3 in JSON: Debian's packages, jars, and packages of npm that
 * are not for development alone. The same content gives the same bytes.
 */
export function sbom({ name, version, arch, debian, jars, lock, date }: SbomOptions): string {
  const packages = [
    ...[...debian].map(([deb, its]) =>
      entry('deb', deb, its, `pkg:deb/debian/${deb}@${encodeURIComponent(its)}?arch=${arch}`),
    ),
    ...npmPackages(lock).map(({ name: npm, version: its, license, sha512 }) => ({
      ...entry('npm', npm, its, `pkg:npm/${npm.replace('@', '%40')}@${its}`),
      licenseDeclared: license ?? 'NOASSERTION',
      ...(sha512 === undefined
        ? {}
        : { checksums: [{ algorithm: 'SHA512', checksumValue: sha512 }] }),
    })),
    ...[...jars]
      .sort()
      .flatMap(jarOf)
      .map(({ name: jar, version: its }) => entry('jar', jar, its)),
  ];
  const content = createHash('sha256').update(JSON.stringify(packages)).digest('hex');
  const document = {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: `${name}-${version}-${arch}`,
    documentNamespace: `https://spdx.org/spdxdocs/${name}-${version}-${arch}-${content}`,
    creationInfo: {
      created: new Date(date * 1000).toISOString().replace('.000', ''),
      creators: [`Tool: ${name}-image-${version}`],
    },
    packages,
    relationships: packages.map(({ SPDXID }) => ({
      spdxElementId: 'SPDXRef-DOCUMENT',
      relationshipType: 'DESCRIBES',
      relatedSpdxElement: SPDXID,
    })),
  };
  return `${JSON.stringify(document, undefined, 1)}\n`;
}

/** `locator`: a package URL, where there is one. */
function entry(kind: string, name: string, version: string, locator?: string) {
  // SPDX 2.3, 7.2: letters, digits, dots and hyphens.
  const id = `${kind}-${name}-${version}`.replace(/[^A-Za-z0-9.-]+/g, '-');
  return {
    SPDXID: `SPDXRef-${id}`,
    name,
    versionInfo: version,
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    licenseConcluded: 'NOASSERTION',
    licenseDeclared: 'NOASSERTION',
    copyrightText: 'NOASSERTION',
    externalRefs:
      locator === undefined
        ? []
        : [
            {
              referenceCategory: 'PACKAGE-MANAGER',
              referenceType: 'purl',
              referenceLocator: locator,
            },
          ],
  };
}

/** The group that Maven knows it by is not in a jar's name. */
function jarOf(file: string): { name: string; version: string }[] {
  const [, name, version] = /^(.+?)-(\d[\w.-]*)\.jar$/.exec(file) ?? [];
  return name === undefined || version === undefined ? [] : [{ name, version }];
}

function npmPackages({ packages }: PackageLock) {
  const found = new Map<
    string,
    { name: string; version: string; license?: string; sha512?: string }
  >();
  for (const [place, its] of Object.entries(packages)) {
    const name = place.split('node_modules/').at(-1) ?? '';
    if (place === '' || its?.version === undefined || its.dev === true) continue;
    const [, base64] = /^sha512-(.*)$/.exec(its.integrity ?? '') ?? [];
    found.set(`${name}@${its.version}`, {
      name,
      version: its.version,
      ...(its.license === undefined ? {} : { license: its.license }),
      ...(base64 === undefined ? {} : { sha512: Buffer.from(base64, 'base64').toString('hex') }),
    });
  }
  return [...found.values()].sort((a, b) =>
    `${a.name}@${a.version}` < `${b.name}@${b.version}` ? -1 : 1,
  );
}
