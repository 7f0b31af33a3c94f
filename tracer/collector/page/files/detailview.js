// One span in full, beside the waterfall.

import { h, setVar, sizeCanvas } from './dom.js';
import { count, date, duration, percent, plural } from './format.js';
import { isDark, palette, serviceColor } from './colors.js';
import { nameOf } from './waterfall.js';

const most = 50; // tags and annotations shown at once

export class DetailView {
  // Options: durations(service, name) → promise, close(), zoom(span), select(span), hideService(name),
  // href(filter params), link(span) → address.
  constructor(options) {
    Object.assign(this, options);
    this.element = h('aside', { class: 'detail', 'aria-label': 'Span', tabindex: '0', hidden: true });
    this.places = new Map();
  }

  // show fills the panel. If only times of the same span have changed, it changes only these, so that
  // what the reader selects or clicks stays.
  show(span, trace, path) {
    this.element.hidden = !span;
    if (!span) {
      this.span = this.key = null;
      return;
    }
    const same = this.span && this.span.id === span.id && this.span.service === span.service;
    const key = JSON.stringify([trace.id, span.id, span.service, span.pieces, span.open, span.tags,
      span.annotations, span.children.length, isDark()]);
    this.span = span;
    if (this.key === key) {
      if (this.list) this.list.replaceWith(this.list = this.facts(span, trace, path));
      return;
    }
    this.key = key;
    const kept = same ? this.element.scrollTop : 0;
    this.list = null;
    this.element.replaceChildren(...this.parts(span, trace, path));
    this.element.scrollTop = kept;
    this.showPlace(span);
  }

  parts(span, trace, path) {
    const dot = h('i', { class: 'dot' });
    setVar(dot, '--service', serviceColor(span.service, isDark()));
    const head = [
      h('header', {}, h('h2', { text: nameOf(span) }),
        h('button', { type: 'button', text: '×', 'aria-label': 'Close', onclick: this.close })),
      h('div', { class: 'cell' }, dot, h('span', { text: span.service || '(no service)' }),
        span.kind ? h('span', { class: 'badge', text: span.kind.toLowerCase() }) : '',
        span.error ? h('span', { class: 'badge error', text: 'error' }) : '',
        span.open ? h('span', { class: 'badge open', text: 'open' }) : '',
        span.shared ? h('span', { class: 'badge', text: 'shared id' }) : ''),
    ];
    if (span.missing) {
      return [...head, h('p', { text: `${plural(span.children.length, 'span names', 'spans name')} this ` +
        'span as the parent, and no piece of it has arrived. It may still run, or it was lost, or its sender ' +
        'does not report to this collector.' }), ...this.ids(span)];
    }
    this.list = this.facts(span, trace, path);
    return [...head, this.list, this.actions(span), this.placeElement(),
      ...this.tags(span), ...this.annotations(span), ...this.endpoints(span), ...this.ids(span)];
  }

  facts(span, trace, path) {
    const time = span.end - span.start;
    const list = [
      ['started', `${date(span.start)} (+${duration(span.start - trace.start)})`],
      [span.open ? 'open for' : 'duration', span.open ? duration(time) : duration(span.duration)],
      ['self time', `${duration(span.self)} (${percent(time ? span.self / time : 0)})`],
      ['of the trace', percent(trace.duration ? time / trace.duration : 0)],
    ];
    const segments = path && path.get(span);
    if (segments) {
      const sum = segments.reduce((n, [a, b]) => n + b - a, 0);
      list.push(['critical path', `${duration(sum)} (${percent(sum / (trace.duration || 1))})`]);
    }
    if (span.skew) list.push(['clock', `${duration(Math.abs(span.skew))} ${span.skew > 0 ? 'ahead' :
      'behind'}; reported ${date(span.timestamp)}`]);
    if (span.children.length > 0) list.push(['children', count(span.children.length)]);
    if (span.pieces > 1) list.push(['merged from', plural(span.pieces, 'piece')]);
    return definitions(list);
  }

  actions(span) {
    const button = (text, run) => h('button', { type: 'button', text, onclick: run });
    const similar = new URLSearchParams({ service: span.service, name: span.name });
    return h('div', { class: 'actions' },
      button('Zoom', () => this.zoom(span)),
      span.parent ? button('Parent', () => this.select(span.parent)) : '',
      button('Hide service', () => this.hideService(span.service)),
      button('Copy link', () => this.copy(this.link(span))),
      h('a', { 'data-link': true, href: this.href(similar), text: 'Traces with this operation' }));
  }

  async copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      this.say('Link copied');
    } catch {
      this.say('The browser does not allow copying: the address bar has the link');
    }
  }

  placeElement() {
    this.place = h('div', { class: 'place' });
    return this.place;
  }

  // showPlace says where the span's duration is among all of its name.
  async showPlace(span) {
    if (span.missing || span.open || span.duration === undefined) return;
    const key = `${span.service}\n${span.name}`;
    let known = this.places.get(key);
    if (!known || Date.now() - known.at > 10_000) {
      known = { at: Date.now(), answer: this.durations(span.service, span.name) };
      if (this.places.size > 200) this.places.clear();
      this.places.set(key, known);
    }
    let stats;
    try {
      stats = await known.answer;
    } catch {
      this.places.delete(key);
      return;
    }
    if (!this.span || this.span.id !== span.id || !stats || !(stats.count > 1)) return;
    const canvas = h('canvas', { role: 'img', 'aria-label': 'Histogram of durations' });
    this.place.replaceChildren(
      h('h3', { text: `Against all ${count(stats.count)} of this operation` }), canvas,
      h('div', { text: placeText(span.duration, stats) }),
      h('div', { class: 'soft', text: `p50 ${duration(stats.p50)}, p90 ${duration(stats.p90)}, ` +
        `p99 ${duration(stats.p99)}, max ${duration(stats.max)}` }));
    drawHistogram(canvas, stats.histogram || [], span.duration);
  }

  tags(span) {
    const all = Object.entries(span.tags || {});
    if (all.length === 0) return [];
    return [h('h3', { text: `Tags (${count(all.length)})` }), this.limited(all, (list) =>
      definitions(list, 'tags', ([key]) => key === 'error'))];
  }

  annotations(span) {
    if (span.annotations.length === 0) return [];
    const shift = span.timestamp ? span.start - span.timestamp : 0;
    return [h('h3', { text: `Annotations (${count(span.annotations.length)})` }),
      this.limited(span.annotations, (list) => h('ol', { class: 'events' }, ...list.map((a) =>
        h('li', {}, h('time', { text: `+${duration(a.timestamp + shift - span.start)}`,
          title: date(a.timestamp) }), h('span', { text: a.value })))))];
  }

  // limited shows a part of a long list, and the rest page by page.
  limited(all, make) {
    const holder = h('div', {});
    const page = (from) => {
      const parts = [make(all.slice(from, from + most))];
      if (all.length > most) {
        const turn = (text, to) => h('button', { type: 'button', text, disabled: to < 0 ||
          to >= all.length, onclick: () => page(to) });
        parts.push(h('div', { class: 'actions' }, turn('Before', from - most), turn('Next', from + most),
          h('span', { class: 'soft', text: `${count(from + 1)} to ` +
            `${count(Math.min(all.length, from + most))} of ${count(all.length)}` })));
      }
      holder.replaceChildren(...parts);
    };
    page(0);
    return holder;
  }

  endpoints(span) {
    const list = [];
    for (const [name, e] of [['local', span.local], ['remote', span.remoteEndpoint]]) {
      if (e) list.push([name, [e.serviceName, address(e)].filter(Boolean).join(' ')]);
    }
    return list.length > 0 ? [h('h3', { text: 'Endpoints' }), definitions(list)] : [];
  }

  ids(span) {
    const list = [['trace', span.traceId], ['span', span.id]];
    if (span.parentId) list.push(['parent', span.parentId]);
    return [h('h3', { text: 'Ids' }), definitions(list, 'tags')];
  }
}

function address(e) {
  const port = e.port ? `:${e.port}` : '';
  if (e.ipv4) return e.ipv4 + port;
  return e.ipv6 ? `[${e.ipv6}]${port}` : port;
}

function definitions(list, name = '', bad = () => false) {
  return h('dl', { class: `facts ${name}` }, ...list.flatMap((entry) => [
    h('dt', { text: entry[0] }), h('dd', { text: String(entry[1]), class: bad(entry) ? 'error' : null }),
  ]));
}

// placeText says between which percentiles a duration is.
export function placeText(us, stats) {
  const own = duration(us);
  if (us > stats.p99) return `${own} is among the slowest 1%.`;
  if (us > stats.p90) return `${own} is among the slowest 10%.`;
  if (us > stats.p50) return `${own} is slower than half of them.`;
  return `${own} is no slower than half of them.`;
}

function drawHistogram(canvas, bins, own) {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const x = sizeCanvas(canvas, width, height);
  const colors = palette();
  const first = bins.findIndex((b) => b.count > 0);
  const used = first < 0 ? [] : bins.slice(first, bins.findLastIndex((b) => b.count > 0) + 1);
  const highest = used.reduce((n, b) => Math.max(n, b.count), 1);
  const w = width / Math.max(1, used.length);
  const mine = used.findIndex((b) => own <= b.le);
  used.forEach((bin, i) => {
    const tall = bin.count > 0 ? Math.max(2, bin.count / highest * (height - 4)) : 0;
    x.fillStyle = i === mine ? colors.accent : colors.line;
    x.fillRect(i * w + 0.5, height - tall, Math.max(1, w - 1), tall);
  });
  x.fillStyle = colors.faint;
  x.fillRect(0, height - 1, width, 1);
}
