// One trace: its title, its tools, and the waterfall, flame graph or statistics of it.

import { h, setAttr, setText, perFrame } from './dom.js';
import { count, date, duration, plural } from './format.js';
import { buildTrace, growOpen } from './model.js';
import { correctSkew } from './skew.js';
import { criticalPath } from './criticalpath.js';
import { selfTimes } from './selftime.js';
import { pruner } from './prune.js';
import { visibleRows, withAncestors } from './rows.js';
import { finder } from './find.js';
import { toZipkin } from './zipkin.js';
import { toOTLP } from './otlp.js';
import { download, onePage, template } from './save.js';
import { isDark, onScheme } from './colors.js';
import { Waterfall, nameOf } from './waterfall.js';
import { Minimap } from './minimap.js';
import { DetailView } from './detailview.js';
import { StatsView } from './statsview.js';
import { FlameView } from './flameview.js';
import { TraceTools } from './tracetools.js';

export class TraceView {
  constructor(app) {
    this.app = app;
    this.title = 'A trace';
    this.trace = null;
    this.version = 0;
    this.collapsed = new Set();
    this.unfolded = new Set();
    this.matches = null;
    this.found = [];
    this.group = ''; // key of the folded row that the cursor is on, instead of a span
    this.build();
    this.keys = this.bindings();
    this.redraw = perFrame(() => this.render());
    onScheme(() => this.redraw());
    new ResizeObserver(this.redraw).observe(this.body);
    if (app.live) {
      app.live.on('summary', (s) => {
        if (this.id && s.traceId.endsWith(this.id.slice(-16))) this.changed();
      });
      app.live.on('gap', () => this.changed());
      app.live.on('cleared', () => this.changed());
      app.live.on('evicted', ({ traceIds }) => {
        if (this.trace && traceIds.includes(this.trace.id)) this.changed();
      });
    }
    setInterval(() => this.grow(), 200);
  }

  build() {
    this.heading = h('div', { class: 'title' });
    this.notices = h('div', {});
    this.tools = new TraceTools(this);
    this.minimap = new Minimap((from, to) => this.zoom(from, to));
    this.waterfall = new Waterfall({
      select: (row) => this.select(row.span), toggle: (row) => this.toggle(row),
      zoom: (from, to) => this.zoom(from, to),
    });
    this.detail = new DetailView({
      durations: async (service, name) => this.durations(service, name),
      close: () => this.select(null), zoom: (span) => this.zoomTo(span),
      select: (span) => this.select(span), hideService: (name) => this.prune('hide', name, true),
      href: (params) => this.app.router.href([], params),
      link: (span) => this.link(span), say: (text) => this.app.say(text),
    });
    this.stats = new StatsView((span) => this.select(span, { tab: '' }));
    this.flame = new FlameView((span) => this.select(span, { tab: '' }));
    this.body = h('div', { class: 'split' });
    this.empty = h('div', { class: 'empty', hidden: true });
    this.element = h('div', { class: 'view trace' }, this.heading, this.tools.element, this.notices,
      this.minimap.element, this.empty, this.body);
  }

  bindings() {
    const rows = () => this.waterfall.rows;
    return [
      { keys: ['j', 'ArrowDown'], does: 'next span', run: () => this.step(1) },
      { keys: ['k', 'ArrowUp'], does: 'previous span', run: () => this.step(-1) },
      { keys: ['w'], does: 'page up', run: () => rows().page(-0.8) },
      { keys: ['s'], does: 'page down', run: () => rows().page(0.8) },
      { keys: ['a'], does: 'pan left', run: () => this.pan(-0.25) },
      { keys: ['d'], does: 'pan right', run: () => this.pan(0.25) },
      { keys: ['+', '='], does: 'zoom in', run: () => this.scaleBy(0.5) },
      { keys: ['-'], does: 'zoom out', run: () => this.scaleBy(2) },
      { keys: ['0'], does: 'show the whole time', run: () => this.zoom() },
      { keys: ['z'], does: 'zoom to the span', run: () => this.zoomTo(this.span) },
      { keys: ['['], does: 'expand all', run: () => this.expandAll(true) },
      { keys: [']'], does: 'collapse all', run: () => this.expandAll(false) },
      { keys: ['ArrowRight', 'Enter', 'o'], does: 'expand the span, or unfold the row', run: () => this.expand(true) },
      { keys: ['ArrowLeft', 'h'], does: 'collapse the span, or go to its parent', run: () =>
        this.expand(false) },
      { keys: ['f', 'n'], does: 'next match, or next error', run: () => this.jump(1) },
      { keys: ['b', 'N'], does: 'previous match, or previous error', run: () => this.jump(-1) },
      { keys: ['/'], does: 'find in all fields', run: () => this.tools.find.select() },
      { keys: ['x'], does: 'fold siblings of one name', run: () => this.flip('fold', '0') },
      { keys: ['c'], does: 'critical path', run: () => this.flip('path', '0') },
      { keys: ['1'], does: 'waterfall', run: () => this.set({ tab: '' }) },
      { keys: ['2'], does: 'flame graph', run: () => this.set({ tab: 'flame' }) },
      { keys: ['3'], does: 'statistics', run: () => this.set({ tab: 'stats' }) },
      { keys: ['Escape'], does: 'close the span', run: () => {
        if (!this.span) return false;
        this.select(null);
        return true;
      } },
    ];
  }

  show(route) {
    this.shown = true;
    this.route = route;
    const id = route.path[1];
    if (id !== this.id) {
      this.id = id;
      this.clear();
      this.load();
      return;
    }
    if (this.trace) this.apply();
  }

  hide() {
    this.shown = false;
    // A trace that is shown again is loaded again: it may have grown.
    this.id = null;
    this.trace = null;
  }

  clear() {
    this.trace = null;
    this.span = null;
    this.collapsed.clear();
    this.unfolded.clear();
    this.rowsKey = this.findKey = this.noticeKey = null;
    this.gone = false;
    document.title = `Trace ${this.id}`;
    this.heading.replaceChildren(h('h1', { text: `Trace ${this.id}` }), h('span', { class: 'soft',
      text: 'loading' }));
    this.setParts(null);
  }

  // setParts shows the parts of a trace, or a text in their place.
  setParts(texts) {
    const none = texts !== undefined;
    this.empty.hidden = !texts;
    for (const e of [this.tools.element, this.minimap.element, this.body, this.notices]) e.hidden = none;
    if (texts) {
      this.heading.replaceChildren(h('h1', { text: `Trace ${this.id}` }));
      this.empty.replaceChildren(h('h2', { text: texts[0] }), h('p', { text: texts[1] }));
    }
  }

  async load() {
    const { id } = this;
    const started = performance.now();
    let pieces;
    try {
      pieces = await this.app.pieces(id);
    } catch (error) {
      if (id !== this.id || this.trace) return; // what is shown stays
      this.setParts(['The trace cannot be loaded', error.message]);
      this.app.fail(error, () => this.load());
      return;
    }
    if (id !== this.id) return;
    if (this.trace && (!pieces || pieces.length === 0)) {
      this.gone = true;
      this.showNotices();
      return;
    }
    if (!pieces || pieces.length === 0) {
      this.setParts(['No such trace', `The collector has no trace ${id}. It may have been evicted, ` +
        'or its spans have not arrived yet; it appears here when they do.']);
      return;
    }
    this.use(pieces);
    this.loadTime = performance.now() - started;
  }

  // use shows pieces, and keeps what the reader has chosen.
  use(pieces) {
    const old = this.trace;
    this.gone = false;
    const ids = (spans) => new Set([...spans].map((s) => `${s.id} ${s.service}`));
    const collapsed = ids(this.collapsed);
    performance.mark('loaded');
    this.trace = buildTrace(pieces);
    this.fileNow = this.app.file && this.app.file.has(this.id) && !this.app.savedAt
      ? this.trace.end : 0;
    this.collapsed = new Set(!old || collapsed.size === 0 ? []
      : this.trace.spans.filter((s) => collapsed.has(`${s.id} ${s.service}`)));
    this.skewOn = undefined;
    this.findKey = null;
    this.setParts();
    this.apply();
  }

  // changed loads the trace again, at most once a second, and less often if it is large.
  changed() {
    if (!this.shown || this.reload) return;
    const wait = Math.max(300, (this.loadTime || 0) * 4);
    this.reload = setTimeout(() => {
      this.reload = 0;
      if (this.shown && this.id) this.load();
    }, wait);
  }

  param(name) {
    return this.route.params.get(name) || '';
  }

  // set changes parameters of the address; empty ones are left out.
  set(changes, options) {
    const params = new URLSearchParams(this.route.params);
    for (const [key, value] of Object.entries(changes)) {
      params.delete(key);
      for (const v of Array.isArray(value) ? value : [value]) if (v !== '') params.append(key, v);
    }
    if (String(params) === String(this.route.params)) return;
    this.app.router.go(['traces', this.id], params, options);
  }

  flip(name, off) {
    this.set({ [name]: this.param(name) === off ? '' : off });
  }

  // apply brings what is shown in line with the address.
  apply() {
    const { trace } = this;
    const on = this.param('skew') !== '0';
    if (this.skewOn !== on) {
      this.skewOn = on;
      this.skews = correctSkew(trace, on);
      growOpen(trace, this.now());
        this.derive();
      }
    this.options = {
      services: this.route.params.getAll('hide'), kinds: this.route.params.getAll('hidekind'),
      share: Number(this.param('share')) / 100 || 0, fold: this.param('fold') !== '0',
      only: this.param('only') === '1', find: this.param('find'), path: this.param('path') !== '0',
      tab: this.param('tab'),
    };
    this.window();
    this.pick();
    this.startFind();
    this.arrange();
    this.showTitle();
    this.showNotices();
    this.tools.show();
    this.showTab();
    this.render();
    if (this.reveal) {
      this.reveal = false;
      this.bring(this.span);
    }
  }

  now() {
    return this.fileNow || this.app.now();
  }

  // derive computes what depends on the times of the spans.
  derive() {
    this.derivePath();
    this.version++;
    this.rowsKey = null;
  }

  derivePath() {
    selfTimes(this.trace);
    this.path = criticalPath(this.trace);
  }

  // window reads the zoom: two offsets from the trace's start, in microseconds.
  window() {
    const { trace } = this;
    const [a, b] = this.param('zoom').split('-').map(Number);
    this.zoomed = b > a;
    this.from = this.zoomed ? trace.start + a : trace.start;
    this.to = this.zoomed ? trace.start + b : this.wholeEnd();
  }

  // wholeEnd leaves room for the ragged ends of open spans.
  wholeEnd() {
    return this.trace.end + (this.trace.open > 0 ? this.trace.duration * 0.04 : 0);
  }

  // pick finds the span that the address names, and opens what hides it.
  pick() {
    const [id, service] = this.param('span').split('@');
    const before = this.span;
    const candidates = id ? this.trace.spans.filter((s) => s.id === id) : [];
    this.span = candidates.find((s) => s.service === service) || candidates[0] || null;
    if (!this.span || this.span === before) return;
    for (let s = this.span.parent; s; s = s.parent) {
      if (this.collapsed.delete(s)) this.rowsKey = null;
    }
    if (this.span.id !== (before && before.id)) this.reveal = true;
  }

  // arrange computes the rows if what they depend on has changed.
  arrange() {
    const { options, trace } = this;
    const key = JSON.stringify([options.services, options.kinds, options.share, options.fold,
      options.only && [options.find, this.matches && this.matches.size]]);
    if (this.rowsKey === key) return;
    this.rowsKey = key;
    this.hidden = pruner(trace, options);
    this.rows = visibleRows(trace, {
      collapsed: this.collapsed, hidden: this.hidden, fold: options.fold, unfolded: this.unfolded,
      only: options.only && this.matches && options.find ? withAncestors(this.matches) : null,
    });
    this.version++;
  }

  render() {
    if (!this.shown || !this.trace || !this.rows) return;
    const state = {
      trace: this.trace, from: this.from, to: this.to, selected: this.group ? null : this.span, group: this.group, matches: this.matches,
      path: this.options.path ? this.path : null, dark: isDark(), version: this.version,
      rows: this.rows,
    };
    this.detail.show(this.span, this.trace, this.path); // first: it takes width
    this.minimap.draw(state);
    if (this.options.tab === '') this.waterfall.set(this.rows, state);
    if (this.options.tab === 'flame') this.flame.draw(this.trace, this.version);
    if (this.options.tab === 'stats') this.stats.set(this.trace, this.version);
    if (this.element.getAttribute('data-ready') === this.id) return;
    this.element.setAttribute('data-ready', this.id);
    performance.mark('shown'); // what the test of large traces measures
  }

  showTab() {
    const panel = { flame: this.flame.element, stats: this.stats.element }[this.options.tab] ||
      this.waterfall.element;
    if (this.panel === panel) return;
    this.panel = panel;
    this.body.replaceChildren(panel, this.detail.element);
  }

  showTitle() {
    const { trace } = this;
    const { root } = trace;
    const flag = (n, name, text) => (n ? h('span', { class: `badge ${name}`, text }) : '');
    const name = nameOf(root);
    document.title = `${root.service} ${name} · ${duration(trace.duration)}`;
    this.lasts = h('strong', { text: duration(trace.duration) });
    this.heading.replaceChildren(
      h('h1', {}, h('span', { text: `${root.service} ${name}`.trim() })),
      this.lasts, h('span', { class: 'soft', text: date(trace.start) }),
      h('span', { class: 'soft', text: `${plural(trace.count, 'span')}, ` +
        `${plural(trace.services.size, 'service')}, depth ${trace.depth + 1}` }),
      flag(trace.errors, 'error', plural(trace.errors, 'error')),
      flag(trace.open, 'open', `${count(trace.open)} open`),
      flag(trace.missing, 'warn', `${plural(trace.missing, 'parent')} missing`),
      h('span', { class: 'soft mono', id: 'trace-id', text: trace.id }));
  }

  showNotices() {
    const key = JSON.stringify([this.skews, this.skewOn, this.gone]);
    if (this.noticeKey === key) return;
    this.noticeKey = key;
    const list = [];
    if (this.skews.length > 0) {
      const text = this.skews.slice(0, 3).map(({ service, by, spans }) =>
        `${service} is ${duration(Math.abs(by))} ${by > 0 ? 'ahead' : 'behind'} ` +
        `(${plural(spans, 'span')})`).join('; ');
      list.push(h('div', { class: 'notice', id: 'skew' },
        h('span', { text: `Clocks differ: ${text}${this.skews.length > 3 ? '; …' : ''}. ` +
          (this.skewOn ? 'These spans are drawn shifted.' : 'Times are drawn as reported.') }),
        h('button', { type: 'button', text: this.skewOn ? 'Show as reported' : 'Correct them',
          onclick: () => this.flip('skew', '0') })));
    }
    if (this.gone) {
      list.push(h('div', { class: 'notice', id: 'gone' }, h('span', { text: 'The collector no longer ' +
        'has this trace. This page does, until you leave it.' }),
      h('button', { type: 'button', text: 'Save as one HTML file', onclick: () => this.export('html') })));
    }
    this.notices.replaceChildren(...list);
  }

  // grow moves the ends of open spans.
  grow() {
    if (!this.shown || !this.trace || this.trace.open === 0 || this.fileNow) return;
    if (this.app.savedAt || document.hidden || this.trace.count > 20_000) return;
    this.beats = (this.beats || 0) + 1;
    if (this.trace.count > 2000 && this.beats % 5 !== 0) return; // once a second
    const { zoomed } = this;
    growOpen(this.trace, this.now());
    if (this.trace.count <= 5000) this.derivePath();
    if (!zoomed) [this.from, this.to] = [this.trace.start, this.wholeEnd()];
    setText(this.lasts, duration(this.trace.duration));
    this.version++;
    for (const row of this.rows) if (row.group) row.group.stats = null;
    this.render();
  }

  select(span, changes = {}, options) {
    this.group = '';
    const value = span ? span.id + (span.shared ? `@${span.service}` : '') : '';
    this.set({ span: value, ...changes }, options);
  }

  link(span) {
    const params = new URLSearchParams(this.route.params);
    params.set('span', span.id);
    return new URL(this.app.router.href(['traces', this.id], params), window.location.href).href;
  }

  // bring scrolls to a span; a folded group that hides it is opened.
  bring(span) {
    if (!span || this.options.tab !== '') return;
    let i = this.waterfall.indexOf(span);
    // One group may be within another: each turn unfolds the outermost one.
    for (let closed = this.closed(span); i < 0 && closed; closed = this.closed(span)) {
      this.unfolded.add(closed.group.key);
      this.rearrange();
      i = this.waterfall.indexOf(span);
    }
    if (i >= 0) this.waterfall.rows.reveal(i);
    this.waterfall.showActive();
  }

  // closed returns the folded row that hides a span or one of its ancestors.
  closed(span) {
    const above = withAncestors([span]);
    return this.rows.find((r) => r.group && !r.open && r.group.spans.some((s) => above.has(s)));
  }

  // row returns the index of the row that the cursor is on, or -1.
  row() {
    if (!this.group) return this.waterfall.indexOf(this.span);
    return this.rows.findIndex((r) => r.group && r.group.key === this.group);
  }

  // step moves the cursor to a span, or to a folded row, which has no address.
  step(by) {
    const i = this.row() + by;
    const next = this.rows[i];
    if (!next || i < 0) return;
    this.group = next.group ? next.group.key : '';
    if (!next.group) this.select(next.span, {}, { replace: true });
    this.render();
    this.waterfall.rows.reveal(i);
    this.waterfall.showActive(i);
  }

  jump(by) {
    const list = this.options.find ? this.found : this.trace.spans.filter((s) => s.error);
    if (list.length === 0) return;
    const now = this.span ? this.span.index : -1;
    const next = by > 0 ? list.find((s) => s.index > now) || list[0]
      : list.findLast((s) => s.index < now) || list[list.length - 1];
    this.select(next, {}, { replace: true });
    this.tools.showFound();
  }

  toggle({ span, group, open }) {
    if (group) {
      this.group = group.key;
      if (open) this.unfolded.delete(group.key);
      else this.unfolded.add(group.key);
    } else if (open) {
      this.collapsed.add(span);
    } else {
      this.collapsed.delete(span);
    }
    this.rearrange();
  }

  rearrange() {
    this.rowsKey = null;
    this.arrange();
    this.render();
  }

  expand(on) {
    const row = this.rows[this.row()];
    if (!row) return;
    if (row.parent && row.open !== on) this.toggle(row);
    else if (!on && row.span.parent) this.select(row.span.parent, {}, { replace: true });
  }

  expandAll(on) {
    this.collapsed = new Set(on ? [] : this.trace.spans.filter((s) => s.children.length > 0 &&
      s.depth > 0));
    if (!on) this.unfolded.clear();
    this.rearrange();
  }

  // prune hides or shows a service ("hide") or a kind ("hidekind").
  prune(param, name, on) {
    const list = this.route.params.getAll(param).filter((n) => n !== name);
    this.set({ [param]: on ? [...list, name] : list });
  }

  // zoom shows a stretch of time, or all of it.
  zoom(from, to, options) {
    const { start, duration: all } = this.trace;
    if (from === undefined) {
      this.set({ zoom: '' }, options);
      return;
    }
    const a = Math.max(0, Math.floor(from - start));
    const b = Math.min(all, Math.ceil(to - start));
    this.set({ zoom: a <= 0 && b >= all ? '' : b - a < 1 ? this.param('zoom') : `${a}-${b}` }, options);
  }

  zoomTo(span) {
    if (!span || span.end <= span.start) return;
    const room = (span.end - span.start) * 0.05;
    this.zoom(span.start - room, span.end + room);
  }

  pan(share) {
    const width = this.to - this.from;
    const low = this.trace.start;
    const by = Math.trunc(width * share);
    const from = Math.max(low, Math.min(this.from + by, this.trace.end - width));
    this.zoom(from, from + width, { replace: true });
  }

  scaleBy(factor) {
    const { span } = this;
    const width = Math.max(10, (this.to - this.from) * factor);
    const middle = span && span.end > this.from && span.start < this.to
      ? (Math.max(span.start, this.from) + Math.min(span.end, this.to)) / 2 : (this.from + this.to) / 2;
    const from = Math.max(this.trace.start, middle - width / 2);
    this.zoom(from, from + width, { replace: true });
  }

  // startFind searches in slices, so that typing stays smooth in a large trace.
  startFind() {
    const query = this.options.find;
    if (this.findKey === query) return;
    this.findKey = query;
    this.search = query ? finder(this.trace.spans, query, 20_000) : null;
    this.matches = query ? new Set() : null;
    this.found = [];
    this.finding(this.search, true);
  }

  finding(search, first) {
    if (search !== this.search || !search) return;
    const { value, done } = search.next();
    if (done) return;
    this.found = value;
    this.matches = new Set(value);
    if (!first) {
      this.arrange();
      this.render();
      this.tools.showFound();
    }
    if (first && this.trace.count <= 20_000) return;
    setTimeout(() => this.finding(search, false));
  }

  async durations(service, name) {
    const { app } = this;
    const local = app.file && app.file.has(this.id);
    return (local ? app.file : app.server).durations(service, name);
  }

  async export(form) {
    const name = `trace-${this.trace.id}`;
    try {
      if (form === 'html') {
        const page = onePage(await template(), toZipkin(this.trace), Math.round(this.now()));
        download(`${name}.html`, 'text/html', page);
      } else {
        const data = form === 'otlp' ? toOTLP(this.trace) : toZipkin(this.trace);
        download(`${name}.${form}.json`, 'application/json', JSON.stringify(data, null, 1));
      }
    } catch (error) {
      this.app.fail(error);
    }
  }

  compare() {
    this.app.mark = this.trace.id;
    this.app.router.go(['compare'], new URLSearchParams({ a: this.trace.id }));
  }
}
