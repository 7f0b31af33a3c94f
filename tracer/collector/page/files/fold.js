// Siblings of one name, folded to one row with their count and percentiles.

import { summarize } from './percentiles.js';

// foldMin is how many siblings of one name are folded.
export const foldMin = 10;

const keyOf = (span) => `${span.service}\n${span.name}\n${span.kind}`;

// groups returns a Map from each span that is folded to its group, or null if none is. The group's
// key stays the same when more spans arrive.
export function groups(siblings, parentId) {
  if (siblings.length < foldMin) return null;
  const byKey = new Map();
  for (const span of siblings) {
    if (span.missing) continue;
    const key = keyOf(span);
    const list = byKey.get(key);
    if (list) list.push(span);
    else byKey.set(key, [span]);
  }
  let found = null;
  for (const [key, spans] of byKey) {
    if (spans.length < foldMin) continue;
    found ||= new Map();
    const group = { key: `${parentId}\n${key}`, spans, first: spans[0], stats: null };
    for (const span of spans) found.set(span, group);
  }
  return found;
}

// groupStats returns percentiles, the extent and the number of errors and open spans of a group.
export function groupStats(group) {
  if (group.stats) return group.stats;
  let start = Infinity;
  let end = 0;
  let errors = 0;
  let open = 0;
  for (const span of group.spans) {
    start = Math.min(start, span.start);
    end = Math.max(end, span.end);
    if (span.error) errors++;
    if (span.open) open++;
  }
  const durations = summarize(group.spans.map((s) => s.end - s.start));
  group.stats = { ...durations, start, end, errors, open };
  return group.stats;
}
