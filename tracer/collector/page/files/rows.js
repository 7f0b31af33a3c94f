// The rows of the waterfall: spans and folded groups that are visible, in order.

import { groups } from './fold.js';

// visibleRows walks the tree. Options: collapsed (Set of spans), hidden (function or null; children of
// a hidden span move up), fold (boolean), unfolded (Set of groups' keys), only (Set of spans or
// null: the others are left out).
export function visibleRows(trace, options) {
  const { collapsed, hidden, fold, unfolded, only } = options;
  const rows = [];
  const stack = [];
  // push puts siblings on the stack, the last one first.
  const push = (siblings, depth, parentId) => {
    const folded = fold ? groups(siblings, parentId) : null;
    const seen = new Set();
    const items = [];
    for (const span of siblings) {
      const group = folded && folded.get(span);
      if (!group) {
        items.push({ span, depth, group: null });
      } else if (!seen.has(group)) {
        seen.add(group);
        items.push({ span, depth, group });
      }
    }
    for (let i = items.length - 1; i >= 0; i--) stack.push(items[i]);
  };
  push(trace.roots, 0, '');
  while (stack.length > 0) {
    const item = stack.pop();
    const { span, depth, group } = item;
    if (group) {
      const left = hidden || only
        ? group.spans.filter((s) => !(hidden && hidden(s)) && !(only && !only.has(s))) : group.spans;
      if (left.length === 0) continue;
      const shown = left === group.spans ? group : { ...group, spans: left, stats: null };
      const open = unfolded.has(group.key);
      rows.push({ span: left[0], depth, group: shown, parent: true, open });
      if (open) {
        for (let i = left.length - 1; i >= 0; i--) {
          stack.push({ span: left[i], depth: depth + 1, group: null });
        }
      }
      continue;
    }
    const out = (hidden && hidden(span)) || (only && !only.has(span));
    const parent = span.children.length > 0;
    const open = parent && !collapsed.has(span);
    if (!out) rows.push({ span, depth, group: null, parent, open });
    if (out ? parent : open) push(span.children, out ? depth : depth + 1, span.id);
  }
  return rows;
}

// withAncestors returns the spans and all their ancestors.
export function withAncestors(spans) {
  const found = new Set();
  for (let span of spans) {
    for (; span && !found.has(span); span = span.parent) found.add(span);
  }
  return found;
}
