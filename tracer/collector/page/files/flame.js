// Layout of the flame graph: paths of a trace as boxes, as wide as their time.

// flameBoxes returns [{node, x, width, depth}], where x and width are shares of 1. Boxes narrower than least
// are left out. Of the focus's ancestors each fills the width.
export function flameBoxes(root, focus, least) {
  const boxes = [];
  const above = [];
  for (let node = focus && focus !== root ? focus.parent : null; node && node !== root;
    node = node.parent) above.unshift(node);
  above.forEach((node, depth) => boxes.push({ node, x: 0, width: 1, depth }));
  const place = (node, x, width, depth) => stack.push({ node, x, width, depth });
  const stack = [];
  const spread = (node, x, width, depth) => {
    const children = [...node.children.values()].sort((a, b) => b.value - a.value);
    let at = x;
    for (const child of children) {
      const w = node.value > 0 ? width * child.value / node.value : 0;
      if (w >= least) place(child, at, w, depth);
      at += w;
    }
  };
  if (focus && focus !== root) place(focus, 0, 1, above.length);
  else spread(root, 0, 1, 0);
  while (stack.length > 0) {
    const box = stack.pop();
    boxes.push(box);
    spread(box.node, box.x, box.width, box.depth + 1);
  }
  return boxes;
}
