// OTLP's JSON form of traces, in and out (opentelemetry-proto, trace/v1; JSON Protobuf Encoding).

const kinds = ['', '', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];
const kindNames = ['SPAN_KIND_UNSPECIFIED', 'SPAN_KIND_INTERNAL', 'SPAN_KIND_SERVER',
  'SPAN_KIND_CLIENT', 'SPAN_KIND_PRODUCER', 'SPAN_KIND_CONSUMER'];
const peers = ['peer.service', 'service.peer.name', 'server.address', 'net.peer.name'];

// micros reads nanoseconds, a decimal string or a number.
function micros(nanos) {
  if (nanos === undefined || nanos === null) return 0;
  const text = String(nanos);
  return /^\d+$/.test(text) ? Number(text.slice(0, -3)) : Math.floor(Number(nanos) / 1000) || 0;
}

const nanos = (us) => (us ? `${us}000` : '0');

// valueOf writes an AnyValue as text.
function valueOf(any) {
  if (!any || typeof any !== 'object') return '';
  for (const field of ['stringValue', 'boolValue', 'intValue', 'doubleValue', 'bytesValue']) {
    if (any[field] !== undefined) return String(any[field]);
  }
  if (any.arrayValue) return JSON.stringify((any.arrayValue.values || []).map(valueOf));
  if (any.kvlistValue) return JSON.stringify(attributes(any.kvlistValue.values));
  return '';
}

function attributes(list) {
  const found = {};
  for (const { key, value } of list || []) found[key] = valueOf(value);
  return found;
}

// fromOTLP returns the spans of an ExportTraceServiceRequest in Zipkin's form.
export function fromOTLP(request) {
  const spans = [];
  for (const resource of request.resourceSpans || []) {
    const described = attributes(resource.resource && resource.resource.attributes);
    const service = described['service.name'] || 'unknown_service';
    delete described['service.name'];
    for (const scope of resource.scopeSpans || resource.instrumentationLibrarySpans || []) {
      const origin = scope.scope || scope.instrumentationLibrary || {};
      for (const span of scope.spans || []) {
        spans.push(fromSpan(span, service, described, origin));
      }
    }
  }
  return spans;
}

function fromSpan(span, service, described, origin) {
  const tags = { ...described, ...attributes(span.attributes) };
  if (origin.name) tags['otel.scope.name'] = origin.name;
  if (origin.version) tags['otel.scope.version'] = origin.version;
  const status = span.status || {};
  if (status.code === 2 || status.code === 'STATUS_CODE_ERROR') {
    tags['otel.status_code'] = 'ERROR';
    if (tags.error === undefined) tags.error = status.message || 'true';
  } else if (tags.error === 'false') {
    delete tags.error;
  }
  const kind = typeof span.kind === 'string' ? kindNames.indexOf(span.kind) : span.kind || 0;
  const start = micros(span.startTimeUnixNano);
  const end = micros(span.endTimeUnixNano);
  const out = {
    traceId: span.traceId, id: span.spanId, name: span.name || '', timestamp: start,
    localEndpoint: { serviceName: service }, tags,
    annotations: (span.events || []).map((e) => ({
      timestamp: micros(e.timeUnixNano), value: eventText(e),
    })),
  };
  if (end) out.duration = Math.max(1, end - start);
  if (span.parentSpanId) out.parentId = span.parentSpanId;
  if (kinds[kind]) out.kind = kinds[kind];
  const peer = peers.map((key) => tags[key]).find((value) => value);
  if (peer && out.kind) out.remoteEndpoint = { serviceName: String(peer).toLowerCase() };
  return out;
}

function eventText(event) {
  const described = attributes(event.attributes);
  return Object.keys(described).length > 0
    ? `${event.name || ''} ${JSON.stringify(described)}`.trim() : event.name || '';
}

const text = (key, value) => ({ key, value: { stringValue: String(value) } });

// toOTLP returns an ExportTraceServiceRequest with the merged spans of a trace.
export function toOTLP(trace) {
  const byService = new Map();
  for (const span of trace.spans) {
    if (span.missing) continue;
    const list = byService.get(span.service);
    if (list) list.push(toSpan(span));
    else byService.set(span.service, [toSpan(span)]);
  }
  return {
    resourceSpans: [...byService].map(([service, spans]) => ({
      resource: { attributes: [text('service.name', service)] },
      scopeSpans: [{ scope: {}, spans }],
    })),
  };
}

function toSpan(span) {
  const attributesOut = Object.entries(span.tags || {}).map(([key, value]) => text(key, value));
  if (span.remote && !(span.tags && span.tags['peer.service'])) {
    attributesOut.push(text('peer.service', span.remote));
  }
  const out = {
    traceId: (span.traceId || '').padStart(32, '0'), spanId: span.id, name: span.name,
    kind: Math.max(1, kinds.indexOf(span.kind || '-')), startTimeUnixNano: nanos(span.timestamp),
    attributes: attributesOut,
    events: span.annotations.map((a) => ({ timeUnixNano: nanos(a.timestamp), name: a.value })),
    status: span.error ? { code: 2, message: String(span.tags.error) } : {},
  };
  // OTLP has no shared ids: the server's span gets the client's as its parent.
  if (span.parent && !span.shared) out.parentSpanId = span.parent.id;
  else if (span.parentId) out.parentSpanId = span.parentId;
  if (!span.open) out.endTimeUnixNano = nanos(span.timestamp + (span.duration || 0));
  return out;
}
