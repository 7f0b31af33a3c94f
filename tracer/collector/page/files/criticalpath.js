// The critical path: what the trace's end waited for, from the root's end back to its start.
//
// From a span's end, the path goes into the child that ended last, and from that child's start on
// to the child that had ended before it. What lies between is the span's own. Spans that begin
// after their parent's end are not waited for.

const byEnd = (a, b) => b.end - a.end;

// criticalPath returns a Map from span to its segments [[start, end], …], latest first.
export function criticalPath(trace) {
  const path = new Map();
  const root = trace.root;
  if (!root) return path;
  const add = (span, start, end) => {
    if (end <= start) return;
    const segments = path.get(span);
    if (segments) segments.push([start, end]);
    else path.set(span, [[start, end]]);
  };
  const stack = [[root, root.end]];
  while (stack.length > 0) {
    const [span, limit] = stack.pop();
    let now = Math.min(span.end, limit);
    const until = now;
    const children = span.children.length > 1 ? [...span.children].sort(byEnd) : span.children;
    for (const child of children) {
      const end = Math.min(child.end, until);
      if (end > now || child.start >= end || end <= span.start) continue;
      add(span, end, now);
      stack.push([child, end]);
      now = Math.max(child.start, span.start);
    }
    add(span, span.start, now);
  }
  return path;
}
