// Statistics of a trace by operation.

import { summarize } from './percentiles.js';

// operations returns one entry for each service and name, with the largest self time first.
export function operations(trace) {
  const byKey = new Map();
  for (const span of trace.spans) {
    if (span.missing) continue;
    const key = `${span.service}\n${span.name}`;
    let entry = byKey.get(key);
    if (!entry) {
      entry = { service: span.service, name: span.name, durations: [], self: 0, errors: 0,
        longest: span };
      byKey.set(key, entry);
    }
    entry.durations.push(span.end - span.start);
    entry.self += span.self;
    if (span.error) entry.errors++;
    if (span.end - span.start > entry.longest.end - entry.longest.start) entry.longest = span;
  }
  const list = [];
  for (const { durations, ...entry } of byKey.values()) {
    list.push({ ...entry, ...summarize(durations) });
  }
  return list.sort((a, b) => b.self - a.self);
}

// sortBy returns a copy, sorted by a field: text upwards, numbers downwards, or the other way.
export function sortBy(list, field, reverse) {
  const sign = reverse ? -1 : 1;
  return [...list].sort((a, b) => {
    const x = a[field];
    const y = b[field];
    const order = typeof x === 'string' ? (x < y ? -1 : x > y ? 1 : 0) : y - x;
    return sign * order;
  });
}
