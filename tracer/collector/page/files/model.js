// A trace as a tree, made from pieces of spans in Zipkin's v2 form.
//
// A span may arrive in pieces: they are merged by id, by whether they are shared, and by local
// endpoint, as Zipkin's Trace.java does. A parent that no piece describes becomes a row of its own.
// Times are in microseconds since 1970; start and end are what is drawn, timestamp and duration
// what was reported.

const none = Object.freeze([]);

class Span {
  constructor(piece) {
    this.id = piece.id;
    this.traceId = piece.traceId;
    this.parentId = piece.parentId;
    this.name = piece.name || '';
    this.kind = piece.kind || '';
    this.local = piece.localEndpoint;
    this.remoteEndpoint = piece.remoteEndpoint;
    this.service = (this.local && this.local.serviceName) || '';
    this.remote = (this.remoteEndpoint && this.remoteEndpoint.serviceName) || '';
    this.timestamp = piece.timestamp;
    this.duration = piece.duration;
    this.tags = piece.tags || null;
    this.annotations = piece.annotations || none;
    this.shared = piece.shared === true;
    this.debug = piece.debug === true;
    this.error = this.tags !== null && 'error' in this.tags;
    this.open = false;
    this.missing = false;
    this.parent = null;
    this.children = none;
    this.depth = 0;
    this.index = 0;
    this.pieces = 1;
    this.piece = null;
    // Not a number from the start: engines keep such a field as a double.
    this.start = NaN;
    this.end = NaN;
    this.self = NaN;
    this.skew = NaN;
    this.haystack = null;
    this.visited = false;
  }
}

// merge adds what another piece of the same span says.
function merge(span, piece) {
  span.pieces++;
  const p = new Span(piece);
  if (p.traceId && p.traceId.length > (span.traceId || '').length) span.traceId = p.traceId;
  if (p.name && (!span.name || span.name === 'unknown')) span.name = p.name;
  for (const field of ['parentId', 'kind', 'local', 'remoteEndpoint', 'service', 'remote', 'tags']) {
    if (!span[field]) span[field] = p[field];
  }
  if (p.timestamp && (!span.timestamp || p.timestamp < span.timestamp)) span.timestamp = p.timestamp;
  if (p.duration !== undefined && !(p.duration <= span.duration)) span.duration = p.duration;
  if (p.tags) span.tags = { ...span.tags, ...p.tags };
  if (p.annotations.length > 0) {
    const seen = new Map();
    for (const a of [...span.annotations, ...p.annotations]) seen.set(`${a.timestamp} ${a.value}`, a);
    span.annotations = [...seen.values()].sort((a, b) => a.timestamp - b.timestamp);
  }
  span.debug ||= p.debug;
  span.error ||= p.error;
}

const serviceOf = (piece) => (piece.localEndpoint && piece.localEndpoint.serviceName) || '';

// mergeAll returns the spans that pieces of one id describe.
function mergeAll(pieces) {
  const called = pieces.some((p) => p.kind === 'CLIENT');
  const shared = (p) => p.shared === true || (called && p.kind === 'SERVER');
  const spans = [];
  // Pieces that name the kind and the endpoint come first: the others join them.
  const rank = (p) => (shared(p) ? 1 : 0) + (serviceOf(p) ? 0 : 2);
  for (const piece of [...pieces].sort((a, b) => rank(a) - rank(b))) {
    const service = serviceOf(piece);
    const found = spans.find((s) =>
      service === '' ? (!piece.kind || !s.kind || piece.kind === s.kind)
        : s.shared === shared(piece) && s.service === service);
    if (found) {
      merge(found, piece);
      continue;
    }
    const span = new Span(piece);
    span.shared = shared(piece);
    spans.push(span);
  }
  return spans;
}

// parentAmong chooses among spans of one id the parent of a child: the one of the child's service,
// else the server, which called on.
function parentAmong(spans, child) {
  if (!Array.isArray(spans)) return spans;
  return spans.find((s) => s !== child && s.service === child.service && s.shared) ||
    spans.find((s) => s !== child && s.shared) || spans.find((s) => s !== child) || null;
}

function adopt(parent, child) {
  child.parent = parent;
  if (parent.children === none) parent.children = [child];
  else parent.children.push(child);
}

const byStart = (a, b) => a.start - b.start;

// buildTrace returns the tree. Its spans are in the order of the rows: depth first, by start.
export function buildTrace(pieces) {
  const byId = new Map(); // a span, or an array of the spans that share the id
  const several = new Map(); // the pieces of an id that has more than one
  for (const piece of pieces) {
    const first = byId.get(piece.id);
    if (first === undefined) {
      const span = new Span(piece);
      span.piece = piece;
      byId.set(piece.id, span);
    } else if (several.has(piece.id)) {
      several.get(piece.id).push(piece);
    } else {
      several.set(piece.id, [first.piece, piece]);
    }
  }
  for (const [id, found] of several) {
    const merged = mergeAll(found);
    byId.set(id, merged.length === 1 ? merged[0] : merged);
  }
  const spans = [];
  for (const found of byId.values()) {
    if (Array.isArray(found)) spans.push(...found);
    else spans.push(found);
  }
  const trace = { id: '', spans, roots: [], pieces: pieces.length };
  link(trace, byId);
  time(trace);
  order(trace);
  measure(trace);
  return trace;
}

function link(trace, byId) {
  const missing = new Map();
  for (const span of trace.spans) {
    if (span.traceId && span.traceId.length > trace.id.length) trace.id = span.traceId;
    let parent = null;
    if (span.shared) {
      const same = byId.get(span.id);
      if (Array.isArray(same)) parent = same.find((s) => !s.shared) || null;
    }
    if (!parent && span.parentId && span.parentId !== span.id) {
      const found = byId.get(span.parentId);
      parent = found === undefined ? absent(missing, span) : parentAmong(found, span);
    }
    if (parent) adopt(parent, span);
  }
  for (const span of missing.values()) trace.spans.push(span);
  for (const span of trace.spans) if (!span.parent) trace.roots.push(span);
}

// absent returns the row of a parent that no piece describes.
function absent(missing, child) {
  let span = missing.get(child.parentId);
  if (!span) {
    span = new Span({ id: child.parentId, traceId: child.traceId });
    span.missing = true;
    missing.set(span.id, span);
  }
  return span;
}

// time sets start and end from what was reported. The end of an open span is set by growOpen.
function time(trace) {
  for (const span of trace.spans) {
    if (span.missing) continue;
    const first = span.annotations.length > 0 ? span.annotations[0].timestamp : 0;
    span.start = span.timestamp || first || 0;
    span.open = Boolean(span.timestamp) && span.duration === undefined;
    span.end = span.start + (span.duration || 0);
    // A span without a time of its own, but with annotations, lasts from the first to the last.
    if (!span.timestamp && first) {
      span.end = span.annotations[span.annotations.length - 1].timestamp;
    }
  }
}

// order numbers the spans depth first and cuts circles of parents.
export function order(trace) {
  const all = trace.spans;
  const rows = [];
  for (const span of all) span.visited = false;
  for (const root of trace.roots) if (root.missing) spread(root);
  trace.roots.sort(byStart);
  walk(trace.roots, rows);
  if (rows.length < all.length) {
    for (const span of all) {
      if (span.visited) continue;
      const { parent } = span;
      parent.children = parent.children.filter((c) => c !== span);
      span.parent = null;
      trace.roots.push(span);
      walk([span], rows);
    }
  }
  trace.spans = rows;
  for (let i = 0; i < rows.length; i++) rows[i].index = i;
}

// walk appends the spans below the roots that it has not visited.
function walk(roots, rows) {
  const stack = [...roots].reverse();
  while (stack.length > 0) {
    const span = stack.pop();
    if (span.visited) continue;
    span.visited = true;
    const { parent, children } = span;
    span.depth = parent ? parent.depth + 1 : 0;
    if (span.start === 0 && parent && parent.start) span.start = span.end = parent.start;
    rows.push(span);
    for (let i = 1; i < children.length; i++) {
      if (children[i].start >= children[i - 1].start) continue;
      children.sort(byStart);
      break;
    }
    for (let i = children.length - 1; i >= 0; i--) stack.push(children[i]);
  }
}

// spread gives a missing parent the time of its children.
function spread(span) {
  span.start = Infinity;
  span.end = 0;
  for (const child of span.children) {
    if (child.start) span.start = Math.min(span.start, child.start);
    span.end = Math.max(span.end, child.end);
  }
  if (span.start === Infinity) span.start = 0;
}

// measure sets the trace's totals.
function measure(trace) {
  const services = new Map();
  Object.assign(trace, { errors: 0, open: 0, missing: 0, depth: 0, services });
  for (const span of trace.spans) {
    trace.depth = Math.max(trace.depth, span.depth);
    if (span.missing) {
      trace.missing++;
      continue;
    }
    if (span.error) trace.errors++;
    if (span.open) trace.open++;
    let entry = services.get(span.service);
    if (entry === undefined) {
      entry = { name: span.service, spans: 0, errors: 0 };
      services.set(span.service, entry);
    }
    entry.spans++;
    if (span.error) entry.errors++;
  }
  trace.count = trace.spans.length - trace.missing;
  trace.root = trace.roots.find((r) => !r.missing) || trace.roots[0];
  bound(trace);
}

// bound sets the trace's first and last moment.
export function bound(trace) {
  trace.start = Infinity;
  trace.end = 0;
  for (const span of trace.spans) {
    if (!span.start) continue;
    if (span.start < trace.start) trace.start = span.start;
    if (span.end > trace.end) trace.end = span.end;
  }
  if (trace.start === Infinity) trace.start = trace.end = 0;
  trace.duration = trace.end - trace.start;
}

const silence = 10 * 60e6;

// growOpen lets open spans end now, or at the last sign of the trace if that is ten minutes ago.
export function growOpen(trace, now) {
  if (trace.open === 0) return;
  let last = 0;
  for (const span of trace.spans) {
    if (!span.open && span.end > last) last = span.end;
    if (span.open && span.start > last) last = span.start;
  }
  const end = now - last > silence ? last + Math.max(1, (last - trace.start) * 0.02) : now;
  for (const span of trace.spans) if (span.open) span.end = Math.max(end, span.start);
  for (const span of trace.roots) if (span.missing) spread(span);
  bound(trace);
}
