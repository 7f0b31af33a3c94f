// Spans of a trace merged by their path of services and names, from the root down.

// pathTree returns the root of the tree: {key, service, name, count, total, self, errors, spans, children:
// Map, value}. The value is the self time of the node and all below it.
export function pathTree(trace) {
  const node = (service, name, depth) => ({
    service, name, depth, count: 0, total: 0, self: 0, errors: 0, value: 0, longest: null,
    children: new Map(),
  });
  const root = node('', '', -1);
  const at = new Map();
  const all = [];
  for (const span of trace.spans) { // parents come first
    const parent = (span.parent && at.get(span.parent)) || root;
    const name = span.missing ? '(missing)' : span.name;
    const key = `${span.service}\n${name}\n${span.kind}`;
    let entry = parent.children.get(key);
    if (!entry) {
      entry = node(span.service, name, parent.depth + 1);
      entry.parent = parent;
      entry.kind = span.kind;
      parent.children.set(key, entry);
      all.push(entry);
    }
    at.set(span, entry);
    entry.count++;
    entry.total += span.end - span.start;
    entry.self += span.self;
    if (span.error) entry.errors++;
    if (!entry.longest || span.end - span.start > entry.longest.end - entry.longest.start) {
      entry.longest = span;
    }
  }
  for (let i = all.length - 1; i >= 0; i--) { // children before parents
    const entry = all[i];
    entry.value += entry.self;
    entry.parent.value += entry.value;
  }
  return root;
}
