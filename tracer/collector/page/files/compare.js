// Two traces compared by structure: what paths each of them has, how often and for how long.

// comparePaths returns rows in the order of the tree: {depth, service, name, kind, a, b, change}, where a and b are
// nodes of the trees or null, and change is "added", "removed", "more", "fewer" or "same".
export function comparePaths(treeA, treeB) {
  const rows = [];
  const stack = [[treeA, treeB]];
  while (stack.length > 0) {
    const [a, b] = stack.pop();
    const node = a || b;
    if (node.depth >= 0) rows.push(row(a, b, node));
    const keys = new Set([...(a ? a.children.keys() : []), ...(b ? b.children.keys() : [])]);
    for (const key of [...keys].reverse()) {
      stack.push([(a && a.children.get(key)) || null, (b && b.children.get(key)) || null]);
    }
  }
  return rows;
}

function row(a, b, node) {
  let change = 'same';
  if (!a) change = 'added';
  else if (!b) change = 'removed';
  else if (a.count < b.count) change = 'more';
  else if (a.count > b.count) change = 'fewer';
  return {
    depth: node.depth, service: node.service, name: node.name, kind: node.kind, a, b, change,
    delta: (b ? b.total : 0) - (a ? a.total : 0),
  };
}
