// Spans from a file, answered in the same way as the collector does.

import { buildTrace } from './model.js';
import { matchesSpans, matchesSummary } from './filters.js';
import { find } from './find.js';
import { dependencies } from './dependencies.js';
import { summarize } from './percentiles.js';

// summaryOf returns what the collector's list says about a trace.
export function summaryOf(trace, seq) {
  const { root } = trace;
  return {
    traceId: trace.id, rootService: root.service, rootName: root.missing ? '' : root.name,
    timestamp: trace.start, duration: trace.duration, spans: trace.count, errors: trace.errors,
    open: trace.open, missing: trace.missing, services: [...trace.services.values()], seq,
  };
}

// LocalSource answers from spans in memory.
export class LocalSource {
  constructor(spans, name) {
    this.name = name;
    this.live = false;
    this.pieces = new Map();
    for (const span of spans) {
      const key = span.traceId.slice(-16);
      const list = this.pieces.get(key);
      if (list) list.push(span);
      else this.pieces.set(key, [span]);
    }
    this.traces = null;
  }

  all() {
    this.traces ||= [...this.pieces.values()].map((pieces) => buildTrace(pieces))
      .sort((a, b) => b.start - a.start);
    return this.traces;
  }

  has(id) {
    return this.pieces.has(id.slice(-16));
  }

  async trace(id) {
    return this.pieces.get(id.slice(-16)) || null;
  }

  async summaries(filter) {
    const found = this.all().map((trace, i) => ({ trace, summary: summaryOf(trace, i) }))
      .filter(({ trace, summary }) => matchesSummary(filter, summary) &&
        matchesSpans(filter, trace.spans, find));
    return { summaries: found.map((f) => f.summary), more: false };
  }

  async services() {
    return [...new Set(this.all().flatMap((t) => [...t.services.keys()]))].sort();
  }

  async spanNames(service) {
    const names = this.all().flatMap((t) => t.spans.filter((s) => s.service === service));
    return [...new Set(names.map((s) => s.name))].sort();
  }

  async dependencies() {
    const all = this.all();
    const start = Math.min(...all.map((t) => t.start));
    const end = Math.max(...all.map((t) => t.end));
    return { links: dependencies(all), span: Math.max(1, end - start) };
  }

  async durations(service, name) {
    const values = [];
    for (const trace of this.all()) {
      for (const s of trace.spans) {
        if (s.service === service && s.name === name && s.duration !== undefined) {
          values.push(s.duration);
        }
      }
    }
    const stats = summarize(values);
    const edges = [];
    for (let le = 1; le < stats.max * 2; le *= 2) edges.push({ le, count: 0 });
    for (const v of values) edges.find((e) => v <= e.le).count++;
    return { ...stats, histogram: edges };
  }

  async running() {
    return this.all().flatMap((t) => t.spans.filter((s) => s.open))
      .map((s) => ({ traceId: s.traceId, id: s.id, service: s.service, name: s.name,
        timestamp: s.timestamp }))
      .sort((a, b) => a.timestamp - b.timestamp);
  }

  async losses() {
    return { senders: [], collector: { evictedTraces: 0, evictedSpans: 0, refused: [] } };
  }
}
