// Self time: the part of a span in which none of its children ran.

// selfTimes sets span.self of each span. Children must be sorted by start.
export function selfTimes(trace) {
  for (const span of trace.spans) {
    let covered = 0;
    let from = span.start;
    for (const child of span.children) {
      const end = Math.min(child.end, span.end);
      const start = Math.max(child.start, from);
      if (end > start) {
        covered += end - start;
        from = end;
      }
    }
    span.self = span.missing ? 0 : Math.max(0, span.end - span.start - covered);
  }
}
