// The flame graph of a trace on a canvas.

import { h, setText, setVar, sizeCanvas } from './dom.js';
import { count, duration, percent, plural } from './format.js';
import { isDark, palette, serviceColor } from './colors.js';
import { flameBoxes } from './flame.js';
import { pathTree } from './paths.js';

const tall = 20;

export class FlameView {
  constructor(select) {
    this.select = select;
    this.focus = null;
    this.line = h('p', { 'aria-live': 'polite' });
    this.canvas = h('canvas', { role: 'img', tabindex: '0',
      onmousemove: (e) => this.say(this.at(e)), onmouseleave: () => this.say(null),
      onclick: (e) => this.zoom(this.at(e)), ondblclick: (e) => this.open(this.at(e)),
      onkeydown: (e) => this.key(e) });
    this.element = h('div', { class: 'panel flame', tabindex: '-1' }, this.line, this.canvas);
    new ResizeObserver(() => this.tree && this.paint()).observe(this.element);
  }

  draw(trace, version) {
    if (this.trace !== trace || this.version !== version) {
      if (this.trace !== trace) this.focus = null;
      this.trace = trace;
      this.version = version;
      const path = [];
      for (let n = this.focus; n && n.parent; n = n.parent) path.unshift(keyOf(n));
      this.tree = pathTree(trace);
      let node = this.tree;
      for (const key of path) node = node && node.children.get(key);
      this.focus = node && node !== this.tree ? node : null;
      this.current = this.focus;
    }
    this.paint();
  }

  paint() {
    const width = this.element.clientWidth - 24;
    if (width <= 0) return;
    this.boxes = flameBoxes(this.tree, this.focus, 1.5 / width);
    const depth = this.boxes.reduce((n, b) => Math.max(n, b.depth + 1), 1);
    // A browser limits the height of a canvas.
    const height = Math.min(depth, 700) * (tall + 1);
    setVar(this.canvas, 'height', `${height}px`);
    const x = sizeCanvas(this.canvas, width, height);
    const colors = palette();
    const dark = isDark();
    x.font = '11px system-ui, sans-serif';
    x.textBaseline = 'middle';
    for (const box of this.boxes) {
      const { node, depth: at } = box;
      const [a, w, y] = [box.x * width, box.width * width, at * (tall + 1)];
      x.fillStyle = serviceColor(node.service, dark);
      x.globalAlpha = this.focus && at < this.focus.depth ? 0.4 : 1;
      x.fillRect(a, y, Math.max(1, w - 1), tall);
      x.globalAlpha = 1;
      if (node.errors > 0) {
        x.fillStyle = colors.error;
        x.fillRect(a, y + tall - 3, Math.max(1, w - 1), 3);
      }
      if (node === this.current) {
        x.strokeStyle = colors.text;
        x.lineWidth = 2;
        x.strokeRect(a + 1, y + 1, Math.max(1, w - 3), tall - 2);
      }
      if (w > 36) this.write(x, text(node), a + 4, y, w - 8, dark);
    }
    this.canvas.setAttribute('aria-label', `Flame graph of ${count(this.trace.count)} spans by path; ` +
      'arrows move, Enter zooms. The statistics have the same numbers as a table.');
    if (!this.line.textContent) this.say(null);
  }

  write(x, label, a, y, room, dark) {
    x.save();
    x.beginPath();
    x.rect(a, y, room, tall);
    x.clip();
    x.fillStyle = dark ? '#0c0f10' : '#ffffff';
    x.fillText(label, a, y + tall / 2);
    x.restore();
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    const depth = Math.floor((event.clientY - box.top) / (tall + 1));
    const found = this.boxes.find((b) => b.depth === depth && share >= b.x && share < b.x + b.width);
    return found ? found.node : null;
  }

  say(node) {
    setText(this.line, node ? `${text(node)}: ${plural(node.count, 'span')}, total ` +
      `${duration(node.total)}, self ${duration(node.self)}, ` +
      `${percent(this.tree.value ? node.value / this.tree.value : 0)} of the time` +
      (node.errors ? `, ${plural(node.errors, 'error')}` : '')
      : 'Paths of services and operations, as wide as their time. Click zooms, a double click opens the longest span.');
  }

  zoom(node) {
    if (!node) return;
    this.focus = this.focus === node ? null : node;
    this.current = node;
    this.paint();
  }

  open(node) {
    if (node && node.longest) this.select(node.longest);
  }

  key(event) {
    const now = this.current || (this.boxes[0] && this.boxes[0].node);
    if (!now) return;
    const list = (n) => [...n.children.values()].sort((a, b) => b.value - a.value);
    const siblings = list(now.parent);
    const i = siblings.indexOf(now);
    const next = {
      ArrowDown: () => list(now)[0], ArrowUp: () => (now.parent !== this.tree ? now.parent : null),
      ArrowRight: () => siblings[i + 1], ArrowLeft: () => siblings[i - 1],
    }[event.key];
    if (next) {
      this.current = next() || now;
      this.say(this.current);
      this.paint();
    } else if (event.key === 'Enter') {
      this.zoom(now);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }
}

const keyOf = (n) => `${n.service}\n${n.name}\n${n.kind}`;

const text = (node) => `${node.service} ${node.name}`.trim();
