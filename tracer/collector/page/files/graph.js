// Layout of the dependency graph: services in layers, callers to the left.

// neighbours returns the links from and to one service.
export function neighbours(links, service) {
  return links.filter((l) => l.parent === service || l.child === service);
}

// busiest returns the links among the services with most calls, at most the given numbers of services
// and links, and how many services are left out.
export function busiest(links, most, mostLinks = Infinity) {
  const calls = new Map();
  for (const l of links) {
    for (const s of [l.parent, l.child]) calls.set(s, (calls.get(s) || 0) + l.callCount);
  }
  const kept = new Set([...calls].sort((a, b) => b[1] - a[1]).slice(0, most).map(([s]) => s));
  const among = links.filter((l) => kept.has(l.parent) && kept.has(l.child));
  const drawn = [...among].sort((a, b) => b.callCount - a.callCount).slice(0, mostLinks);
  const shown = new Set(drawn.flatMap((l) => [l.parent, l.child]));
  return { links: drawn, left: calls.size - shown.size };
}

// layout returns {nodes: [{name, layer, row}], layers: number, rows: number}. A link that would close a circle does not
// count for the layers.
export function layout(links) {
  const out = new Map();
  for (const { parent, child } of links) {
    if (!out.has(parent)) out.set(parent, []);
    if (!out.has(child)) out.set(child, []);
    if (parent !== child) out.get(parent).push(child);
  }
  const called = new Set(links.filter((l) => l.parent !== l.child).map((l) => l.child));
  const names = [...out.keys()].sort();
  const forward = forwardLinks([...names.filter((n) => !called.has(n)), ...names], out);
  const layer = new Map(names.map((n) => [n, 0]));
  for (const name of forward.order) {
    for (const child of forward.links.get(name)) {
      layer.set(child, Math.max(layer.get(child), layer.get(name) + 1));
    }
  }
  return place(names, layer, forward.links);
}

// forwardLinks leaves out the links that close circles and orders the services callers first.
function forwardLinks(starts, out) {
  const state = new Map();
  const links = new Map();
  const order = [];
  for (const start of starts) {
    if (state.has(start)) continue;
    state.set(start, 'active');
    links.set(start, []);
    const stack = [[start, 0]];
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      const [name, at] = top;
      const child = out.get(name)[at];
      if (child === undefined) {
        state.set(name, 'done');
        order.unshift(name);
        stack.pop();
        continue;
      }
      top[1]++;
      if (state.get(child) === 'active') continue;
      links.get(name).push(child);
      if (state.has(child)) continue;
      state.set(child, 'active');
      links.set(child, []);
      stack.push([child, 0]);
    }
  }
  return { links, order };
}

// place sorts each layer by the mean row of its callers.
function place(names, layer, links) {
  const layers = [];
  for (const name of names) (layers[layer.get(name)] ||= []).push(name);
  const row = new Map();
  const callers = new Map(names.map((n) => [n, []]));
  for (const [parent, children] of links) for (const c of children) callers.get(c).push(parent);
  const nodes = [];
  const rows = Math.max(0, ...layers.map((l) => (l || []).length));
  layers.forEach((list, depth) => {
    const mean = (n) => {
      const above = callers.get(n).map((p) => row.get(p)).filter((r) => r !== undefined);
      return above.length > 0 ? above.reduce((a, b) => a + b, 0) / above.length : 0;
    };
    const sorted = [...list].sort((a, b) => mean(a) - mean(b));
    sorted.forEach((name, i) => {
      row.set(name, i + (rows - list.length) / 2);
      nodes.push({ name, layer: depth, row: row.get(name) });
    });
  });
  return { nodes, layers: layers.length, rows };
}
