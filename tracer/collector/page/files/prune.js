// What is left out of a trace: services, kinds, and spans with a small share of the time.

// pruner returns a function that reports whether a span is left out, or null if none is. The share
// is of the trace's duration, 0 to 1. Spans with an error and open spans are kept by the share.
export function pruner(trace, { services = [], kinds = [], share = 0 }) {
  if (services.length === 0 && kinds.length === 0 && share <= 0) return null;
  const hiddenServices = new Set(services);
  const hiddenKinds = new Set(kinds);
  const least = trace.duration * share;
  return (span) => {
    if (span.missing) return false;
    if (hiddenServices.has(span.service) || hiddenKinds.has(span.kind || 'LOCAL')) return true;
    return span.end - span.start < least && !span.error && !span.open;
  };
}
