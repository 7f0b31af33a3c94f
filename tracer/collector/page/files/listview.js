// The list of traces: it fills itself, newest first.

import { h, setAttr, setText, setVar, perFrame } from './dom.js';
import { clock, count, date, duration, parseDuration, plural } from './format.js';
import { chips, decidable, fromParams, matchesSummary, toParams } from './filters.js';
import { isDark, onScheme, serviceColor } from './colors.js';
import { VirtualRows } from './virtual.js';
import { Scatter } from './scatter.js';

// most is how many traces the list keeps.
const most = 20_000;

// shownNames is how many services or operations a field offers.
const shownNames = 120;

export class ListView {
  constructor(app) {
    this.app = app;
    this.title = 'Traces';
    this.filter = null;
    this.list = [];
    this.byId = new Map();
    this.more = false;
    this.selected = -1;
    this.loading = 0;
    this.seen = new WeakSet();
    this.build();
    this.draw = perFrame(() => this.render());
    this.keys = [
      { keys: ['j', 'ArrowDown'], does: 'next trace', run: () => this.move(1) },
      { keys: ['k', 'ArrowUp'], does: 'previous trace', run: () => this.move(-1) },
      { keys: ['Enter', 'o'], does: 'open the trace', run: () => this.open(this.selected) },
      { keys: ['c'], does: 'compare: mark this trace, then another', run: () => this.compare() },
      { keys: ['s'], does: 'page down', run: () => this.rows.page(0.9) },
      { keys: ['w'], does: 'page up', run: () => this.rows.page(-0.9) },
      { keys: ['p'], does: 'pause or resume', run: () => this.pause() },
      { keys: ['e'], does: 'only traces with errors', run: () =>
        this.setFilter({ ...this.filter, error: !this.filter.error }) },
      { keys: ['/'], does: 'find text', run: () => this.fields.text.focus() },
    ];
    if (app.live) {
      app.live.on('summary', (s) => this.arrived(s));
      app.live.on('evicted', (data) => this.evicted(data.traceIds));
      app.live.on('cleared', () => this.emptied());
      app.live.on('gap', () => this.reloadSoon());
      app.live.onState(() => this.showPause());
    }
    onScheme(() => this.draw());
    setInterval(() => this.tick(), 1000);
  }

  build() {
    const enter = (e) => { e.preventDefault(); this.addFields(); };
    const input = (label, hint, size) => h('input', { 'aria-label': label, placeholder: hint, size,
      onchange: () => this.addFields() });
    this.fields = {
      service: h('select', { 'aria-label': 'Service', onchange: () => this.addFields() }),
      name: h('select', { 'aria-label': 'Operation', onchange: () => this.addFields() }),
      min: input('Slower than', 'slower than 100ms', 16),
      tag: input('Tag', 'tag key=value', 16),
      text: input('Text', 'text in any field', 20),
    };
    this.errors = h('button', { type: 'button', text: 'Errors', 'aria-pressed': 'false', onclick: () =>
      this.setFilter({ ...this.filter, error: !this.filter.error }) });
    this.pauseButton = h('button', { type: 'button', text: 'Pause', 'aria-pressed': 'false',
      id: 'pause', onclick: () => this.pause() });
    this.clearButton = h('button', { type: 'button', text: 'Clear', id: 'clear',
      title: 'Forget all traces', onclick: () => this.clear() });
    this.countText = h('span', { class: 'soft', id: 'count' });
    this.chips = h('div', { class: 'chips', role: 'group', 'aria-label': 'Filters' });
    this.running = h('section', { class: 'running', 'aria-label': 'Running now', hidden: true });
    this.scatter = new Scatter((id) => this.app.router.go(['traces', id]));
    this.rowsElement = h('div', { class: 'rows', role: 'list', 'aria-label': 'Traces' });
    this.empty = h('div', { class: 'empty', hidden: true });
    this.scroller = h('div', { class: 'scroller', tabindex: '-1',
      onpointerenter: () => {
        this.pointed = true;
        this.fromTop = this.scroller.scrollTop === 0;
      },
      onpointerleave: () => {
        this.pointed = false;
        if (this.fromTop && !this.turned) this.scroller.scrollTop = 0;
        this.turned = false;
      },
      onwheel: () => { this.turned = true; } }, this.rowsElement, this.empty);
    this.head = h('div', { class: 'list-head', 'aria-hidden': 'true' },
      ...['started', 'trace', 'services', 'spans', 'duration'].map((text) => h('span', { text })));
    const source = this.app.live ? [this.pauseButton, this.clearButton] : [];
    this.element = h('div', { class: 'view list' },
      h('h1', { class: 'visually-hidden', text: 'Traces' }),
      h('form', { class: 'tools', 'aria-label': 'Add a filter', onsubmit: enter },
        ...Object.values(this.fields), this.errors, h('button', { class: 'visually-hidden', text: 'Add',
          tabindex: '-1' }), h('span', { class: 'grow' }), this.countText, ...source),
      this.chips, this.running, this.scatter.element, this.head, this.scroller);
    this.rows = new VirtualRows({
      scroller: this.scroller, rows: this.rowsElement, height: this.rowHeight(),
      create: () => this.createRow(), fill: (e, i) => this.fillRow(e, i),
      after: (first, last) => this.reached(last),
    });
    const narrow = matchMedia('(max-width: 640px)');
    narrow.addEventListener('change', () => {
      this.rows.height = this.rowHeight();
      for (const e of this.rows.pool) e.hidden = true;
      this.rows.shown.fill(-1);
      this.rows.setCount(this.list.length);
    });
  }

  rowHeight() {
    return matchMedia('(max-width: 640px)').matches ? 46 : 30;
  }

  show(route) {
    document.title = 'Traces';
    this.shown = true;
    const filter = fromParams(route.params);
    const from = this.app.source(route);
    const same = this.filter && from === this.source &&
      String(toParams(filter)) === String(toParams(this.filter));
    this.filter = filter;
    this.source = from;
    this.isFile = from !== this.app.server;
    this.showFilter();
    if (same && this.source.live) {
      this.draw();
      return;
    }
    this.load();
    this.loadNames();
  }

  // hide notes what is at the top: the browser forgets the place of what leaves the document.
  hide() {
    this.shown = false;
    const { scrollTop } = this.scroller;
    const index = Math.floor(scrollTop / this.rows.height);
    this.left = scrollTop > 0 && this.list[index]
      ? { id: this.list[index].traceId, rest: scrollTop - index * this.rows.height } : null;
  }

  // setFilter changes the address, which shows the list again.
  setFilter(filter) {
    const params = toParams(filter);
    if (this.isFile && this.app.server) params.set('from', 'file');
    this.app.router.go([], params);
  }

  addFields() {
    const { service, name, min, tag, text } = this.fields;
    const next = { ...this.filter, service: service.value, name: name.value };
    if (next.service !== this.filter.service) next.name = '';
    if (min.value.trim()) {
      const us = parseDuration(min.value);
      if (Number.isNaN(us)) {
        this.app.fail(new Error(`slower than "${min.value}": must be a duration such as 100ms`));
        return;
      }
      next.min = us;
    }
    if (tag.value.trim()) next.tags = [...new Set([...this.filter.tags, tag.value.trim()])];
    if (text.value.trim()) next.text = text.value.trim();
    min.value = tag.value = text.value = '';
    if (String(toParams(next)) !== String(toParams(this.filter))) this.setFilter(next);
  }

  showFilter() {
    setAttr(this.errors, 'aria-pressed', this.filter.error);
    this.pauseButton.hidden = this.clearButton.hidden = this.isFile;
    const list = chips(this.filter).map(({ label, without }) =>
      h('button', { type: 'button', class: 'chip', text: label, 'aria-label': `Remove filter ${label}`,
        onclick: () => this.setFilter(without) }));
    if (this.isFile && this.app.server) {
      list.unshift(h('button', { type: 'button', class: 'chip', text: `file: ${this.source ?
        this.source.name : 'not open'}`, 'aria-label': 'Close the file',
      onclick: () => this.app.router.go([]) }));
    }
    this.chips.replaceChildren(...list);
  }

  async load() {
    const turn = ++this.loading;
    if (!this.source) { // the address of a file that is no longer open
      this.replace({ summaries: [], more: false });
      return;
    }
    try {
      const answer = await this.source.summaries(this.filter);
      if (turn !== this.loading) return;
      this.replace(answer);
      this.failed = false;
    } catch (error) {
      if (turn !== this.loading) return;
      this.failed = true;
      this.app.fail(error, () => this.load());
      this.draw();
    }
    this.loadRunning();
  }

  async loadNames() {
    const fill = (select, names, label, value) => {
      const options = [h('option', { value: '', text: label })];
      const all = value && !names.includes(value) ? [value, ...names] : names;
      for (const n of all.slice(0, shownNames)) options.push(h('option', { value: n, text: n }));
      if (all.length > shownNames) {
        options.push(h('option', { disabled: true, text: `${count(all.length - shownNames)} more: ` +
          'use text' }));
      }
      select.replaceChildren(...options);
      select.value = value;
    };
    const { service, name } = this.filter;
    let services = [];
    let names = [];
    try {
      services = this.source ? await this.source.services() : [];
      names = service && this.source ? await this.source.spanNames(service) : [];
    } catch {
      // load says that the collector does not answer.
    }
    fill(this.fields.service, services, 'all services', service);
    fill(this.fields.name, names, service ? 'all operations' : 'operation: choose a service', name);
    this.fields.name.disabled = !service;
    this.known = new Set(services);
  }

  // turnPage notes where the next page begins: the collector orders by the latest change.
  turnPage({ summaries, more }) {
    this.more = Boolean(more) && summaries.length > 0;
    this.oldest = this.more ? summaries.reduce((n, s) => Math.min(n, s.seq), Infinity) : undefined;
  }

  replace(answer) {
    this.turnPage(answer);
    this.list = [...answer.summaries];
    this.byId = new Map(this.list.map((s) => [s.traceId, s]));
    this.dirty = true;
    this.selected = -1;
    this.draw();
  }

  // arrived takes a summary from the collector's events.
  arrived(summary) {
    if (this.isFile || !this.filter) return;
    if (!decidable(this.filter)) {
      if (matchesSummary({ ...this.filter, min: 0 }, summary)) this.reloadSoon();
      return;
    }
    if (summary.services.some((s) => this.known && !this.known.has(s.name))) this.namesSoon();
    const old = this.byId.get(summary.traceId);
    if (!matchesSummary(this.filter, summary)) return;
    this.byId.set(summary.traceId, summary);
    if (!old) this.seen.add(summary);
    this.dirty = true;
    if (this.byId.size > most * 1.2) this.settle(); // another view may be shown for hours
    if (summary.open > 0 || (old && old.open > 0)) this.runningSoon();
    this.draw();
  }

  evicted(ids) {
    for (const id of ids) this.byId.delete(id);
    this.dirty = true;
    this.draw();
  }

  emptied() {
    this.list = [];
    this.byId.clear();
    this.more = false;
    this.runningSoon();
    this.draw();
  }

  reloadSoon() {
    this.reload ||= setTimeout(() => {
      this.reload = 0;
      if (this.shown && !this.isFile) this.load();
      else this.filter = null; // load at the next show
    }, 1000);
  }

  namesSoon() {
    this.names ||= setTimeout(() => {
      this.names = 0;
      if (this.shown) this.loadNames();
    }, 1000);
  }

  runningSoon() {
    this.runs ||= setTimeout(() => {
      this.runs = 0;
      if (this.shown) this.loadRunning();
    }, 500);
  }

  async loadRunning() {
    let spans = [];
    try {
      spans = this.source ? await this.source.running() : [];
    } catch {
      return;
    }
    this.running.hidden = spans.length === 0;
    const key = JSON.stringify([spans.length, spans.slice(0, 6).map((s) => [s.traceId, s.id])]);
    if (this.runningKey === key) return;
    this.runningKey = key;
    this.timers = spans.slice(0, 6).map((span) => ({ span, element: h('span', {}) }));
    this.running.replaceChildren(
      h('h2', { text: `Running now, longest first (${count(spans.length)})` }),
      ...this.timers.map(({ span, element }) => h('a', { 'data-link': true,
        href: this.app.router.href(['traces', span.traceId], new URLSearchParams({ span: span.id })) },
      h('span', { text: `${span.service} ${span.name}` }), element)));
    this.tick();
  }

  tick() {
    if (!this.shown || !this.timers) return;
    for (const { span, element } of this.timers) {
      setText(element, duration(Math.max(0, this.app.now() - span.timestamp)));
    }
  }

  // reached loads older traces when the end of the list is near.
  async reached(last) {
    if (!this.more || this.fetching || last < this.list.length - 20) return;
    this.fetching = true;
    const turn = this.loading;
    try {
      const answer = await this.source.summaries(this.filter, { before: this.oldest });
      if (turn !== this.loading) return;
      for (const s of answer.summaries) if (!this.byId.has(s.traceId)) this.byId.set(s.traceId, s);
      this.turnPage(answer);
      this.dirty = true;
      this.draw();
    } catch (error) {
      this.app.fail(error, () => this.rows.refresh());
    } finally {
      this.fetching = false;
    }
  }

  render() {
    if (!this.shown) return;
    const anchor = this.anchor();
    if (this.dirty) this.settle();
    this.longest = this.list.reduce((max, s) => Math.max(max, s.duration || 0), 1);
    this.dark = isDark();
    setText(this.countText, `${plural(this.list.length, 'trace')}${this.more ? ' and older' : ''}`);
    this.rows.setCount(this.list.length);
    this.hold(anchor);
    this.comeBack();
    this.scatter.draw(this.list);
    this.showEmpty();
  }

  // settle sorts the traces and drops the oldest ones that are too many.
  settle() {
    this.dirty = false;
    const current = this.list[this.selected];
    this.list = [...this.byId.values()].sort((a, b) => b.timestamp - a.timestamp);
    for (const s of this.list.splice(most)) this.byId.delete(s.traceId);
    if (current) this.selected = this.list.findIndex((s) => s.traceId === current.traceId);
  }

  // anchor returns the trace that must stay where it is when others arrive above it: if the reader has
  // scrolled, points at the list, or has the focus in it.
  anchor() {
    const { scrollTop } = this.scroller;
    const focused = this.rowsElement.contains(document.activeElement);
    if (scrollTop === 0 && !this.pointed && !focused) return null;
    const index = focused && this.selected >= 0 ? this.selected : Math.floor(scrollTop / this.rows.height);
    const summary = this.list[index];
    return summary ? { id: summary.traceId, index, focused } : null;
  }

  comeBack() {
    if (!this.left || this.list.length === 0) return;
    const index = this.list.findIndex((s) => s.traceId === this.left.id);
    if (index >= 0) this.scroller.scrollTop = index * this.rows.height + this.left.rest;
    this.left = null;
    this.rows.draw(false);
  }

  hold(anchor) {
    const index = anchor ? this.list.findIndex((s) => s.traceId === anchor.id) : -1;
    if (index < 0 || index === anchor.index) return;
    this.scroller.scrollTop += (index - anchor.index) * this.rows.height;
    this.rows.draw(false);
    const row = anchor.focused && this.rows.element(index);
    if (row) row.parts.link.focus({ preventScroll: true });
  }

  showEmpty() {
    const none = this.list.length === 0;
    this.empty.hidden = !none;
    this.head.hidden = none;
    this.scatter.element.hidden = none;
    if (!none) return;
    const key = `${this.failed}|${toParams(this.filter)}|${this.isFile}|${Boolean(this.source)}`;
    if (this.emptyKey === key && this.empty.firstChild) return;
    this.emptyKey = key;
    const filtered = chips(this.filter).length > 0;
    if (this.failed) {
      this.empty.replaceChildren(h('h2', { text: 'The collector does not answer' }),
        h('p', { text: 'The list fills itself once it does.' }));
    } else if (this.isFile && !this.source) {
      this.empty.replaceChildren(h('h2', { text: 'The file is no longer open' }),
        h('p', { text: 'Open it again: the page keeps no copy.' }));
    } else if (filtered) {
      this.empty.replaceChildren(h('h2', { text: 'No trace matches' }),
        h('p', { text: 'Traces that match appear here when they arrive.' }),
        h('button', { type: 'button', text: 'Remove all filters', onclick: () =>
          this.setFilter(fromParams(new URLSearchParams())) }));
    } else {
      const origin = window.location.origin;
      this.empty.replaceChildren(h('h2', { text: 'No traces yet' }),
        h('p', { text: 'The list fills itself. Send spans to this collector: with Zipkin\'s reporter,' }),
        h('pre', { text: `${origin}/api/v2/spans` }),
        h('p', { text: 'with any OpenTelemetry program,' }),
        h('pre', { text: `OTEL_EXPORTER_OTLP_ENDPOINT=${origin}\n` +
          'OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf' }),
        h('p', { text: 'or open a file of spans, in Zipkin\'s or OTLP\'s JSON.' }));
    }
  }

  createRow() {
    const parts = {
      time: h('span', { class: 'mono' }),
      dot: h('i', { class: 'dot' }), service: h('strong', {}), name: h('span', {}),
      services: h('span', { class: 'soft' }),
      spans: h('span', {}), errors: h('span', { class: 'badge error' }),
      open: h('span', { class: 'badge open' }), missing: h('span', { class: 'badge warn' }),
      bar: h('i', {}), duration: h('span', {}),
    };
    const link = h('a', { 'data-link': true },
      parts.time, h('span', { class: 'cell' }, parts.dot, parts.service, parts.name),
      parts.services,
      h('span', { class: 'cell' }, parts.spans, parts.errors, parts.open, parts.missing),
      h('span', { class: 'share' }, parts.duration, parts.bar));
    const mark = h('button', { type: 'button', text: '⇄', tabindex: '-1' });
    const row = h('div', { class: 'list-row', role: 'listitem' }, link, mark);
    mark.addEventListener('click', () => this.compare(this.rows.indexOf(row)));
    link.addEventListener('focus', () => { this.selected = this.rows.indexOf(row); });
    row.parts = { ...parts, link, mark };
    return row;
  }

  fillRow(row, i) {
    const s = this.list[i];
    const p = row.parts;
    const path = ['traces', s.traceId];
    setAttr(p.link, 'href', this.app.router.href(path));
    setText(p.time, this.app.now() - s.timestamp < 72e9 ? clock(s.timestamp)
      : date(s.timestamp).slice(2, 16));
    setVar(p.dot, '--service', serviceColor(s.rootService || '', this.dark));
    setText(p.service, s.rootService || '(no service)');
    setText(p.name, s.rootName || (s.missing ? '(root missing)' : ''));
    const services = s.services || [];
    const more = services.length > 4 ? ` +${services.length - 4}` : '';
    setText(p.services, services.slice(0, 4).map((v) => `${v.name} ${v.spans}`).join(', ') + more);
    setText(p.spans, plural(s.spans, 'span'));
    const badge = (element, n, text) => {
      element.hidden = !n;
      if (n) setText(element, text);
    };
    badge(p.errors, s.errors, plural(s.errors, 'error'));
    badge(p.open, s.open, `${s.open} open`);
    badge(p.missing, s.missing, `${s.missing} missing`);
    setText(p.duration, s.open ? `${duration(s.duration)} …` : duration(s.duration));
    setVar(p.bar, '--share', String(Math.min(1, (s.duration || 0) / this.longest)));
    setAttr(p.bar, 'class', s.errors ? 'error' : '');
    setAttr(p.mark, 'aria-label', `Compare trace ${s.traceId}`);
    row.classList.toggle('marked', this.app.mark === s.traceId);
    row.classList.toggle('fresh', this.seen.delete(s));
    setAttr(row, 'aria-posinset', i + 1);
    setAttr(row, 'aria-setsize', this.list.length);
  }

  move(step) {
    if (this.list.length === 0) return;
    this.selected = Math.max(0, Math.min(this.list.length - 1, this.selected + step));
    this.rows.reveal(this.selected);
    const row = this.rows.element(this.selected);
    if (row) row.parts.link.focus({ preventScroll: true });
  }

  open(index) {
    if (this.list[index]) this.app.router.go(['traces', this.list[index].traceId]);
  }

  // compare marks a trace, or compares it with the one that is marked.
  compare(index = this.selected) {
    const summary = this.list[index];
    if (!summary) return;
    if (this.app.mark && this.app.mark !== summary.traceId) {
      const params = new URLSearchParams({ a: this.app.mark, b: summary.traceId });
      this.app.mark = null;
      this.app.router.go(['compare'], params);
      return;
    }
    this.app.mark = this.app.mark ? null : summary.traceId;
    this.app.say(this.app.mark ? 'Marked. Choose the trace to compare it with.' : 'Not marked.');
    this.rows.refresh();
  }

  pause() {
    if (this.app.live) this.app.live.pause(!this.app.live.paused);
  }

  showPause() {
    const { paused, waiting } = this.app.live;
    setAttr(this.pauseButton, 'aria-pressed', paused);
    setText(this.pauseButton, !paused ? 'Pause' : waiting ? `Resume (${waiting} new)` : 'Resume');
  }

  async clear() {
    try {
      await this.app.server.clear();
      this.emptied();
    } catch (error) {
      this.app.fail(error);
    }
  }
}
