// Calls between services, counted from the trees of traces.

// dependencies returns [{parent, child, callCount, errorCount}]. A call is a server's or consumer's span and the
// nearest ancestor of another service, or a client's span without children whose remote service is
// named.
export function dependencies(traces) {
  const links = new Map();
  const add = (parent, child, error) => {
    if (!parent || !child) return;
    const key = `${parent}\n${child}`;
    const link = links.get(key) || { parent, child, callCount: 0, errorCount: 0 };
    link.callCount++;
    if (error) link.errorCount++;
    links.set(key, link);
  };
  for (const trace of traces) {
    for (const span of trace.spans) {
      if (span.missing) continue;
      if (span.kind === 'SERVER' || span.kind === 'CONSUMER') {
        add(caller(span) || span.remote, span.service, span.error);
      } else if ((span.kind === 'CLIENT' || span.kind === 'PRODUCER') && span.remote &&
          !span.children.some((c) => c.kind === 'SERVER' || c.kind === 'CONSUMER')) {
        add(span.service, span.remote, span.error);
      }
    }
  }
  return [...links.values()];
}

function caller(span) {
  for (let up = span.parent; up; up = up.parent) {
    if (up.service && up.service !== span.service) return up.service;
  }
  return '';
}
