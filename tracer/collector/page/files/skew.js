// Clock skew between two hosts: a server's span that cannot lie within its client's span.
//
// A server cannot begin before its client or after the client's end. Then the server's clock is
// off, and its spans move so that the server's span is in the middle of the client's, as in
// Zipkin's clock skew correction. A server that only ends later than its client is left alone: the
// client may have given up.

import { bound, order } from './model.js';

function sameHost(a, b) {
  if (a.service !== b.service) return false;
  const x = a.local || {};
  const y = b.local || {};
  return x.ipv4 === y.ipv4 && x.ipv6 === y.ipv6;
}

// offset returns by how much the server's clock is ahead, 0 if that cannot be said.
function offset(client, server, clientStart) {
  if (!server.timestamp || !client.timestamp || client.duration === undefined) return 0;
  const clientEnd = clientStart + client.duration;
  if (server.timestamp >= clientStart && server.timestamp <= clientEnd) return 0;
  const room = client.duration - (server.duration || 0);
  return server.timestamp - (clientStart + (room > 0 ? Math.floor(room / 2) : 0));
}

// correctSkew moves spans by their host's offset, or back if on is false. It returns what was moved:
// [{service, by, spans}], where by is how far the clock is ahead, whether or not it was moved.
export function correctSkew(trace, on) {
  const found = new Map();
  for (const span of trace.spans) { // parents come first
    const parent = span.parent;
    let by = 0;
    if (parent) {
      if (sameHost(parent, span)) by = parent.skew;
      else if (!parent.missing && span.kind === 'SERVER' && parent.kind === 'CLIENT') {
        by = offset(parent, span, parent.timestamp - parent.skew);
      }
    }
    span.skew = by;
    if (span.missing || !span.timestamp) continue;
    span.start = span.timestamp - (on ? by : 0);
    if (!span.open) span.end = span.start + (span.duration || 0);
    if (by === 0) continue;
    const key = `${span.service} ${by}`;
    const entry = found.get(key) || { service: span.service, by, spans: 0 };
    entry.spans++;
    found.set(key, entry);
  }
  if (found.size > 0) {
    order(trace);
    bound(trace);
  }
  return [...found.values()];
}
