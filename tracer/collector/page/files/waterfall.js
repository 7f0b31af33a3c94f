// The waterfall: a tree of pooled rows, with the bars on one canvas over them.

import { h, setAttr, setText, setVar, sizeCanvas } from './dom.js';
import { count, duration, plural } from './format.js';
import { groupStats } from './fold.js';
import { palette, serviceColor } from './colors.js';
import { VirtualRows } from './virtual.js';

const height = 22;
const most = 400; // marks drawn in the bar of a folded row

const kindNames = { CLIENT: 'client', SERVER: 'server', PRODUCER: 'producer', CONSUMER: 'consumer' };

export class Waterfall {
  // Options: select(row), toggle(row), zoom(from, to).
  constructor(options) {
    Object.assign(this, options);
    this.list = [];
    this.state = null;
    this.colors = new Map();
    this.rowsElement = h('div', { class: 'rows', role: 'tree', tabindex: '0', 'aria-label': 'Spans',
      onclick: (e) => this.click(e), ondblclick: (e) => this.doubleClick(e) });
    this.canvas = h('canvas', { class: 'bars', 'aria-hidden': 'true' });
    this.ticks = h('canvas', { 'aria-hidden': 'true' });
    this.scroller = h('div', { class: 'scroller' }, this.rowsElement, this.canvas);
    this.element = h('div', { class: 'panel' },
      h('div', { class: 'ruler' }, h('span', { class: 'names', text: 'service and operation' }),
        this.grip(), this.ticks), this.scroller);
    this.rows = new VirtualRows({
      scroller: this.scroller, rows: this.rowsElement, height,
      create: () => this.createRow(), fill: (e, i) => this.fillRow(e, i),
      after: (first, last) => this.drawBars(first, last),
    });
    dragTime(this.ticks, () => this.state && [this.state.from, this.state.to],
      (from, to) => this.zoom(from, to));
  }

  // grip returns the handle that changes the width of the names, in percent.
  grip() {
    const root = document.documentElement.style;
    let share = 38;
    const set = (percent) => {
      share = Math.round(Math.max(10, Math.min(75, percent)));
      root.setProperty('--name', `${share}%`);
      grip.setAttribute('aria-valuenow', String(share));
      if (this.state) this.rows.refresh();
    };
    const grip = h('div', { class: 'grip', role: 'separator', tabindex: '0', 'aria-valuenow': '38',
      'aria-valuemin': '10', 'aria-valuemax': '75', 'aria-orientation': 'vertical',
      'aria-label': 'Width of the names',
      onpointerdown: (e) => grip.setPointerCapture(e.pointerId),
      onpointermove: (e) => {
        if (!grip.hasPointerCapture(e.pointerId)) return;
        const box = this.scroller.getBoundingClientRect();
        set((e.clientX - box.left) / this.rowsElement.clientWidth * 100);
      },
      onkeydown: (e) => {
        const by = { ArrowLeft: -2, ArrowRight: 2 }[e.key];
        if (!by) return;
        e.preventDefault();
        e.stopPropagation();
        set(share + by);
      } });
    return grip;
  }

  // set shows rows. State: {trace, from, to, selected (span), matches (Set), path (Map or null), dark}.
  set(list, state) {
    const fresh = list !== this.list;
    if (state.dark !== (this.state && this.state.dark)) this.colors.clear();
    this.list = list;
    this.state = state;
    this.palette = palette();
    this.drawTicks();
    if (fresh) this.rows.setCount(list.length);
    else this.rows.refresh();
    this.showActive();
  }

  color(service) {
    let color = this.colors.get(service);
    if (!color) {
      color = serviceColor(service, this.state.dark);
      this.colors.set(service, color);
    }
    return color;
  }

  createRow() {
    const p = {
      twist: h('span', { class: 'twist', 'aria-hidden': 'true' }), dot: h('i', { class: 'dot' }),
      svc: h('span', { class: 'svc' }), op: h('span', { class: 'op' }, h('span', {}), h('span', {})),
      kind: h('span', { class: 'badge' }), flags: h('span', { class: 'flags' }),
      more: h('span', { class: 'visually-hidden' }),
    };
    const row = h('div', { class: 'wrow', role: 'treeitem', id: `row-${this.rows ?
      this.rows.pool.length : 0}` },
    h('span', { class: 'wname' }, p.twist, p.dot, p.svc, p.op, p.kind, p.flags, p.more));
    row.parts = p;
    row.name = row.firstChild;
    return row;
  }

  fillRow(row, i) {
    const { span, depth, group, parent, open } = this.list[i];
    const { state } = this;
    const p = row.parts;
    setVar(row.name, '--depth', String(Math.min(depth, 24)));
    setText(p.twist, parent ? (open ? '▼' : '▶') : '');
    setVar(p.dot, '--service', this.color(span.service));
    // The service is named where it changes; the label of the row always has it.
    const above = !span.parent || span.parent.service !== span.service || (i > 0 &&
      this.list[i - 1].span.service !== span.service);
    setText(p.svc, above ? span.service : '');
    // Where there is no room, the end of a path is worth more than its beginning.
    const name = group ? `${count(group.spans.length)} × ${span.name}` : nameOf(span);
    const cut = name.lastIndexOf('/', name.length - 2) + 1;
    setText(p.op.firstChild, name.slice(0, cut));
    setText(p.op.lastChild, name.slice(cut));
    p.kind.hidden = !span.kind;
    setText(p.kind, kindNames[span.kind] || span.kind.toLowerCase());
    const errors = group ? groupStats(group).errors : span.error ? 1 : 0;
    setText(p.flags, errors === 0 ? '' : group ? plural(errors, 'error') : '! error');
    const selected = group ? state.group === group.key : state.selected === span;
    setAttr(row, 'aria-selected', selected);
    setAttr(row, 'aria-level', depth + 1);
    setAttr(row, 'aria-expanded', parent ? open : null);
    setText(p.more, this.more(this.list[i]));
    const set = (name, on) => row.classList.toggle(name, Boolean(on));
    set('error', errors > 0);
    set('missing', span.missing);
    set('open', span.open && !group);
    set('group', group);
    set('match', state.matches && !group && state.matches.has(span));
    set('critical', state.path && !group && state.path.has(span));
  }

  // more is what only the canvas shows, for a screen reader.
  more({ span, group }) {
    if (group) {
      const s = groupStats(group);
      return `, median ${duration(s.p50)}, 90% under ${duration(s.p90)}, longest ${duration(s.max)}`;
    }
    if (span.missing) return '';
    return `${span.open ? ', open' : ''}, ${duration(span.end - span.start)}`;
  }

  drawTicks() {
    const { from, to, trace } = this.state;
    const width = this.ticks.clientWidth;
    this.tickWidth = width;
    const x = sizeCanvas(this.ticks, width, height);
    x.font = '11px system-ui, sans-serif';
    x.fillStyle = this.palette.faint;
    x.strokeStyle = this.palette.line;
    x.textBaseline = 'middle';
    const step = niceStep((to - from) / Math.max(1, width / 90));
    this.grid = [];
    const first = Math.ceil((from - trace.start) / step) * step;
    for (let t = first; t <= to - trace.start; t += step) {
      const at = (t + trace.start - from) / (to - from || 1) * width;
      this.grid.push(at);
      x.beginPath();
      x.moveTo(at, 14);
      x.lineTo(at, height);
      x.stroke();
      const text = duration(t);
      if (at + x.measureText(text).width + 4 < width) x.fillText(text, at + 3, 10);
    }
  }

  drawBars(first, last) {
    if (!this.state) return;
    const width = this.ticks.clientWidth;
    if (width !== this.tickWidth) this.drawTicks();
    const tall = (last - first) * height;
    setVar(this.canvas, 'transform', `translateY(${first * height}px)`);
    setVar(this.canvas, 'width', `${width}px`);
    setVar(this.canvas, 'height', `${tall}px`);
    const x = sizeCanvas(this.canvas, width, tall);
    x.strokeStyle = this.palette.line;
    x.lineWidth = 1;
    x.globalAlpha = 0.6;
    x.beginPath();
    for (const at of this.grid || []) {
      x.moveTo(Math.round(at) + 0.5, 0);
      x.lineTo(Math.round(at) + 0.5, tall);
    }
    x.stroke();
    x.globalAlpha = 1;
    x.font = '11px system-ui, sans-serif';
    x.textBaseline = 'middle';
    for (let i = first; i < last; i++) {
      const row = this.list[i];
      const y = (i - first) * height;
      if (row.group) this.drawGroup(x, width, y, row);
      else this.drawSpan(x, width, y, row);
    }
  }

  // scale returns where a time is, limited to just beyond the edges.
  scale(width) {
    const { from, to } = this.state;
    const per = width / (to - from || 1);
    return (t) => Math.max(-4, Math.min(width + 4, (t - from) * per));
  }

  drawSpan(x, width, y, { span, parent, open }) {
    const at = this.scale(width);
    const [a, b] = [at(span.start), at(span.end)];
    const w = Math.max(1.5, b - a);
    const color = this.color(span.service);
    if (span.missing) {
      x.strokeStyle = this.palette.faint;
      x.setLineDash([2, 3]);
      x.strokeRect(a + 0.5, y + 6.5, Math.max(2, w - 1), 8);
      x.setLineDash([]);
      return;
    }
    x.fillStyle = color;
    x.fillRect(a, y + 5, w, 12);
    if (parent && !open) { // what is collapsed has a line below
      x.globalAlpha = 0.5;
      x.fillRect(a, y + 18, w, 2);
      x.globalAlpha = 1;
    }
    if (span.open) this.drawOpenEnd(x, b, y, color);
    if (span.error) {
      x.fillStyle = this.palette.error;
      x.fillRect(a, y + 15, w, 3);
    }
    const segments = this.state.path && this.state.path.get(span);
    if (segments) {
      x.fillStyle = this.palette.path;
      for (const [s, e] of segments) x.fillRect(at(s), y + 10, Math.max(1, at(e) - at(s)), 2);
    }
    this.drawAnnotations(x, at, y, span);
    const text = span.open ? `${duration(span.end - span.start)} …` : duration(span.duration);
    this.drawLabel(x, width, a, a + w, y, text, { color, gap: span.open ? 15 : 5 });
  }

  // drawOpenEnd makes the bar's end ragged: it goes on.
  drawOpenEnd(x, b, y, color) {
    x.fillStyle = color;
    for (let i = 0; i < 3; i++) {
      x.globalAlpha = 0.75 - i * 0.22;
      x.fillRect(b + 1 + i * 3, y + 5, 2, 12);
    }
    x.globalAlpha = 1;
  }

  drawAnnotations(x, at, y, span) {
    const n = Math.min(span.annotations.length, most);
    for (let i = 0; i < n; i++) {
      const p = at(span.annotations[i].timestamp);
      x.fillStyle = this.palette.ground;
      x.fillRect(p - 1.5, y + 4, 3, 14);
      x.fillStyle = this.palette.text;
      x.fillRect(p - 0.5, y + 4, 1, 14);
    }
  }

  drawGroup(x, width, y, { span, group }) {
    const at = this.scale(width);
    const s = groupStats(group);
    const [a, b] = [at(s.start), at(s.end)];
    x.fillStyle = this.color(span.service);
    x.globalAlpha = 0.25;
    x.fillRect(a, y + 5, Math.max(2, b - a), 12);
    x.globalAlpha = 0.8;
    const step = Math.max(1, Math.ceil(group.spans.length / most));
    for (let i = 0; i < group.spans.length; i += step) {
      const one = group.spans[i];
      x.fillRect(at(one.start), y + 7, Math.max(1, at(one.end) - at(one.start)), 8);
    }
    x.globalAlpha = 1;
    if (s.errors > 0) {
      x.fillStyle = this.palette.error;
      x.fillRect(a, y + 15, Math.max(2, b - a), 3);
    }
    this.drawLabel(x, width, a, b, y,
      `p50 ${duration(s.p50)}  p90 ${duration(s.p90)}  max ${duration(s.max)}`);
  }

  drawLabel(x, width, a, b, y, text, { color, gap = 5 } = {}) {
    if (b < 0 || a > width) return;
    const w = x.measureText(text).width;
    const p = b + gap + w < width ? b + gap : a - 5 - w > 0 ? a - 5 - w : Math.min(width, b) - w - 5;
    const inside = p < b && p + w > a;
    if (inside) { // no room beside the bar: a plate of its colour on it
      x.fillStyle = color || this.palette.ground;
      x.fillRect(p - 4, y + 5, w + 7, 12);
    }
    x.fillStyle = inside && color ? this.palette.ground : this.palette.text;
    x.fillText(text, p, y + 11.5);
  }

  showActive(index) {
    const i = index === undefined ? this.indexOf(this.state.selected) : index;
    const row = i < 0 ? null : this.rows.element(i);
    setAttr(this.rowsElement, 'aria-activedescendant', row ? row.id : null);
  }

  indexOf(span) {
    if (!span) return -1;
    return this.list.findIndex((r) => r.span === span && !r.group);
  }

  rowOf(event) {
    const row = event.target.closest('.wrow');
    const i = row ? this.rows.indexOf(row) : -1;
    return i < 0 ? null : this.list[i];
  }

  click(event) {
    const row = this.rowOf(event);
    if (!row) return;
    const twist = event.target.classList.contains('twist');
    if (row.group || (twist && row.parent)) this.toggle(row);
    else this.select(row);
  }

  doubleClick(event) {
    const row = this.rowOf(event);
    if (!row || row.group || row.span.end <= row.span.start) return;
    const room = (row.span.end - row.span.start) * 0.05;
    this.zoom(row.span.start - room, row.span.end + room);
  }
}

export function nameOf(span) {
  if (span.missing) return `parent ${span.id} is missing`;
  return span.name || '(no name)';
}

// niceStep rounds up to 1, 2 or 5 times a power of ten.
export function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  for (const factor of [1, 2, 5, 10]) if (factor * power >= least) return factor * power;
  return 10 * power;
}

// dragTime lets the pointer choose a stretch of time on an element as wide as range(). A click
// without a drag calls done with no time.
export function dragTime(element, range, done, preview = () => {}) {
  let start = null;
  const at = (event) => {
    const box = element.getBoundingClientRect();
    const [from, to] = range();
    const share = Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
    return from + share * (to - from);
  };
  element.addEventListener('pointerdown', (event) => {
    if (event.button !== 0 || !range()) return;
    start = { time: at(event), x: event.clientX };
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener('pointermove', (event) => {
    if (start) preview(Math.min(start.time, at(event)), Math.max(start.time, at(event)));
  });
  element.addEventListener('pointerup', (event) => {
    if (!start) return;
    const { time, x } = start;
    start = null;
    const now = at(event);
    if (Math.abs(event.clientX - x) > 4) done(Math.min(time, now), Math.max(time, now));
    else done();
  });
  element.addEventListener('pointercancel', () => { start = null; });
}
