/** What one process says of itself, in Prometheus' text format (exposition formats, 0.0.4). */
export interface Exposition {
  service: string;
  text: string;
}

interface Family {
  /** `# HELP` and `# TYPE`, of who came first. */
  about: string[];
  samples: string[];
}

const ABOUT = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*)/;
const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?(\s+\S+(?:\s+-?\d+)?)$/;
/** What the samples of a histogram and of a summary are called beside its own name. */
const SUFFIX = /_(?:bucket|sum|count)$/;
const VALUES = /"(?:[^"\\]|\\.)*"/g;

/**
 * One text of several: each metric's samples stand together, as the format asks for, and each says
 * by the label `service` whose it is. What is no sample is left out.
 */
export function mergeExpositions(parts: readonly Exposition[]): string {
  const families = new Map<string, Family>();
  const familyOf = (name: string): Family => {
    const family = families.get(name) ?? { about: [], samples: [] };
    families.set(name, family);
    return family;
  };
  for (const { service, text } of parts) {
    const known = new Set<string>();
    for (const line of text.split('\n')) {
      const about = ABOUT.exec(line);
      if (about !== null) {
        const [, what = '', name = ''] = about;
        const family = familyOf(name);
        known.add(name);
        if (!family.about.some((one) => one.startsWith(`# ${what} `))) family.about.push(line);
        continue;
      }
      const sample = SAMPLE.exec(line);
      if (sample === null) continue;
      const [, name = '', labels = '', value = ''] = sample;
      const base = name.replace(SUFFIX, '');
      const family = familyOf(!known.has(name) && known.has(base) ? base : name);
      family.samples.push(`${name}{${labelled(labels, service)}}${value}`);
    }
  }
  return [...families.values()]
    .filter(({ samples }) => samples.length > 0)
    .flatMap(({ about, samples }) => [...about, ...samples])
    .map((line) => `${line}\n`)
    .join('');
}

function labelled(labels: string, service: string): string {
  if (/(?:^|,)service=/.test(labels.replace(VALUES, ''))) return labels;
  return `service="${service}"${labels === '' ? '' : `,${labels}`}`;
}
