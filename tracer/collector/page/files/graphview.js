// The dependency graph: calls between services, with rates and errors.

import { h, svg, setAttr, setText } from './dom.js';
import { count, percent, plural } from './format.js';
import { isDark, onScheme, serviceColor } from './colors.js';
import { busiest, layout, neighbours } from './graph.js';
import { VirtualRows } from './virtual.js';

const box = { width: 150, height: 30, across: 280, down: 58 };
const most = 40; // services drawn at once
const mostLinks = 90;
const spans = [['1', 'last minute'], ['5', 'last 5 minutes'], ['15', 'last 15 minutes'], ['60', 'last hour'], ['1440', 'last day']];

export class GraphView {
  constructor(app) {
    this.app = app;
    this.title = 'Dependencies';
    this.service = h('select', { 'aria-label': 'Service', onchange: () =>
      this.go({ service: this.service.value }) });
    this.last = h('select', { 'aria-label': 'Time', hidden: !app.server, onchange: () =>
      this.go({ last: this.last.value }) },
    ...spans.map(([value, text]) => h('option', { value, text })));
    this.summary = h('span', { class: 'soft', id: 'graph-summary' });
    this.graph = h('div', { class: 'graph', tabindex: '0', role: 'group',
      'aria-label': 'Graph of services' });
    this.rowsElement = h('div', { class: 'rows', role: 'presentation' });
    this.scroller = h('div', { class: 'scroller', tabindex: '0', role: 'rowgroup' },
      this.rowsElement);
    this.scroller.style.setProperty('--row', '24px');
    this.table = h('div', { class: 'table links', role: 'table', 'aria-label': 'Calls' },
      h('div', { role: 'rowgroup' }, h('div', { class: 'trow head', role: 'row' },
        ...['caller', 'called', 'calls', 'rate', 'errors'].map((text, i) =>
          h('span', { role: 'columnheader', class: i > 1 ? 'num' : '', text })))), this.scroller);
    this.empty = h('div', { class: 'empty', hidden: true });
    this.element = h('div', { class: 'view' }, h('h1', { class: 'visually-hidden',
      text: 'Dependencies' }),
    h('div', { class: 'tools' }, this.service, this.last, h('button', { type: 'button',
      text: 'Refresh', onclick: () => this.load() }), this.summary), this.empty, this.graph, this.table);
    this.rows = new VirtualRows({ scroller: this.scroller, rows: this.rowsElement, height: 24,
      create: () => this.createRow(), fill: (row, i) => this.fillRow(row, i) });
    this.keys = [
      { keys: ['r'], does: 'refresh', run: () => this.load() },
      { keys: ['/'], does: 'choose a service', run: () => this.service.focus() },
    ];
    onScheme(() => this.answer && this.shown && this.draw());
    setInterval(() => this.shown && app.live && !app.live.paused && !document.hidden &&
      this.load(), 10_000);
  }

  go(changes) {
    const params = new URLSearchParams(this.route.params);
    for (const [key, value] of Object.entries(changes)) {
      if (value) params.set(key, value);
      else params.delete(key);
    }
    this.app.router.go(['dependency'], params);
  }

  hide() {
    this.shown = false;
  }

  show(route) {
    document.title = 'Dependencies';
    this.shown = true;
    this.route = route;
    this.chosen = route.params.get('service') || '';
    this.last.value = route.params.get('last') || '15';
    if (this.answer && this.answer.last === this.last.value) this.draw();
    else this.load();
  }

  async load() {
    const last = this.last.value;
    const source = this.app.server || this.app.file;
    try {
      const answer = await source.dependencies(Number(last) * 6e7);
      if (last !== this.last.value) return;
      this.answer = { ...answer, last };
      this.draw();
    } catch (error) {
      this.app.fail(error, () => this.load());
    }
  }

  draw() {
    const all = this.answer.links;
    const names = [...new Set(all.flatMap((l) => [l.parent, l.child]))].sort();
    if (this.chosen && !names.includes(this.chosen)) names.unshift(this.chosen);
    this.service.replaceChildren(h('option', { value: '', text: 'all services' }),
      ...names.slice(0, 120).map((n) => h('option', { value: n, text: n })));
    this.service.value = this.chosen;
    const wanted = this.chosen ? neighbours(all, this.chosen) : all;
    const { links, left } = busiest(wanted, most, mostLinks);
    this.minutes = Math.max(1 / 60, this.answer.span / 6e7);
    this.list = [...wanted].sort((a, b) => b.callCount - a.callCount);
    const none = wanted.length === 0;
    this.graph.hidden = this.table.hidden = none;
    this.empty.hidden = !none;
    this.empty.replaceChildren(h('h2', { text: 'No calls between services' }),
      h('p', { text: 'A call appears once spans of the caller and the called have arrived.' }));
    const calls = wanted.reduce((n, l) => n + l.callCount, 0);
    const hidden = wanted.length - links.length;
    setText(this.summary, `${plural(new Set(wanted.flatMap((l) => [l.parent, l.child])).size,
      'service')}, ${plural(calls, 'call')}${hidden > 0 ? '; drawn are the ' +
      `${plural(links.length, 'link')} with most calls${left ? `, without ${plural(left, 'service')}` : ''}`
      : ''}`);
    if (!none) this.paint(links);
    this.rows.setCount(this.list.length);
  }

  paint(links) {
    const { nodes, layers, rows } = layout(links);
    const width = (layers - 1) * box.across + box.width + 60;
    const height = Math.max(1, rows) * box.down + 24;
    const at = new Map(nodes.map((n) => [n.name, [n.layer * box.across + 10, n.row * box.down + 18]]));
    const busy = links.reduce((n, l) => Math.max(n, l.callCount), 1);
    const picture = svg('svg', { width, height, viewBox: `0 0 ${width} ${height}`, role: 'group',
      'aria-label': 'Services and their calls' },
    svg('defs', {}, svg('marker', { id: 'arrow', viewBox: '0 0 8 8', refX: 7, refY: 4,
      markerWidth: 8, markerHeight: 8, markerUnits: 'userSpaceOnUse', orient: 'auto' },
    svg('path', { d: 'M0 0 8 4 0 8z' }))));
    for (const link of links) picture.append(...this.edge(link, at, busy));
    for (const node of nodes) picture.append(this.node(node.name, at.get(node.name)));
    this.graph.replaceChildren(picture);
  }

  edge(link, at, busy) {
    const [x1, y1] = at.get(link.parent);
    const [x2, y2] = at.get(link.child);
    const half = box.height / 2;
    const from = [x1 + box.width, y1 + half];
    const to = [x2, y2 + half];
    let d = `M${from} C${from[0] + 50} ${from[1]} ${to[0] - 50} ${to[1]} ${to}`;
    let label = [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2 - 4];
    if (link.parent === link.child) {
      d = `M${from} c40 -34 -40 -44 -60 ${-half}`;
      label = [from[0] + 10, y1 - 4];
    } else if (x2 <= x1) { // back to an earlier layer: below both
      const low = Math.max(y1, y2) + box.height + 16;
      d = `M${[x1 + 75, y1 + box.height]} C${x1 + 75} ${low} ${x2 + 75} ${low} ` +
        `${[x2 + 75, y2 + box.height]}`;
      label = [(x1 + x2) / 2 + 75, low - 2];
    }
    const errors = link.errorCount || 0;
    return [
      svg('path', { d, class: errors > 0 ? 'error' : null, 'marker-end': 'url(#arrow)',
        'stroke-width': 1 + 3 * Math.log1p(link.callCount) / Math.log1p(busy) }),
      svg('text', { x: label[0], y: label[1], 'text-anchor': 'middle', class: 'count',
        text: this.rate(link) }),
      errors > 0 ? svg('text', { x: label[0], y: label[1] + 18, 'text-anchor': 'middle',
        class: 'count error', text: `${percent(errors / link.callCount)} errors` }) : '',
    ];
  }

  rate(link) {
    const perMinute = link.callCount / this.minutes;
    if (perMinute < 1) return `${count(perMinute * 60)}/h`;
    return `${perMinute < 10 ? perMinute.toFixed(1) : count(perMinute)}/min`;
  }

  node(name, [x, y]) {
    const chosen = name === this.chosen;
    const params = new URLSearchParams(this.route.params);
    if (chosen) params.delete('service');
    else params.set('service', name);
    const shown = name.length > 19 ? `${name.slice(0, 18)}…` : name;
    const link = svg('a', { href: this.app.router.href(['dependency'], params), 'data-link': true,
      class: chosen ? 'chosen' : null, 'aria-label': chosen ? `${name}, show all services`
        : `${name}, show its neighbours` },
    svg('title', { text: name }),
    svg('rect', { x, y, width: box.width, height: box.height, rx: 4 }),
    svg('circle', { cx: x + 14, cy: y + box.height / 2, r: 5, fill: serviceColor(name, isDark()) }),
    svg('text', { x: x + 26, y: y + box.height / 2 + 4, text: shown }));
    return link;
  }

  createRow() {
    const cells = [0, 1, 2, 3, 4].map((i) => h('span', { class: i > 1 ? 'num' : '', role: 'cell' }));
    const row = h('div', { class: 'trow', role: 'row' }, ...cells);
    row.cells = cells;
    return row;
  }

  fillRow(row, i) {
    const link = this.list[i];
    const errors = link.errorCount || 0;
    const texts = [link.parent, link.child, count(link.callCount), this.rate(link),
      errors ? percent(errors / link.callCount) : ''];
    texts.forEach((text, c) => setText(row.cells[c], text));
    setAttr(row.cells[4], 'class', errors ? 'num error' : 'num');
  }
}
