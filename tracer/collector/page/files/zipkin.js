// Zipkin's v2 JSON, in and out.

const hex = (id, width) => String(id).toLowerCase().padStart(width, '0');

// fromZipkin returns spans with ids in their full length, as a collector would store them.
export function fromZipkin(list) {
  return list.map((raw, i) => {
    if (!raw || typeof raw !== 'object' || !raw.traceId || !raw.id) {
      throw new Error(`span ${i + 1} has no traceId or no id`);
    }
    const span = { ...raw };
    span.traceId = hex(raw.traceId, String(raw.traceId).length > 16 ? 32 : 16);
    span.id = hex(raw.id, 16);
    if (raw.parentId) span.parentId = hex(raw.parentId, 16);
    else delete span.parentId;
    for (const field of ['timestamp', 'duration']) {
      const value = Number(raw[field]);
      if (value > 0) span[field] = value;
      else delete span[field];
    }
    span.name = String(raw.name || '').toLowerCase();
    span.annotations = Array.isArray(raw.annotations) ? raw.annotations : [];
    return span;
  });
}

// toZipkin returns the merged spans of a trace in Zipkin's v2 form.
export function toZipkin(trace) {
  const list = [];
  for (const s of trace.spans) {
    if (s.missing) continue;
    const out = { traceId: s.traceId, id: s.id };
    if (s.parentId) out.parentId = s.parentId;
    if (s.kind) out.kind = s.kind;
    if (s.name) out.name = s.name;
    if (s.timestamp) out.timestamp = s.timestamp;
    if (s.duration !== undefined) out.duration = s.duration;
    if (s.local) out.localEndpoint = s.local;
    if (s.remoteEndpoint) out.remoteEndpoint = s.remoteEndpoint;
    if (s.annotations.length > 0) out.annotations = s.annotations;
    if (s.tags) out.tags = s.tags;
    if (s.debug) out.debug = true;
    if (s.shared) out.shared = true;
    list.push(out);
  }
  return list;
}
