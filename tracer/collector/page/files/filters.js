// What the list of traces is limited to.

import { duration, parseDuration } from './format.js';

// fromParams reads a filter from the address: {service, name, error, min (µs), tags, text}.
export function fromParams(params) {
  return {
    service: params.get('service') || '',
    name: params.get('name') || '',
    error: params.get('error') === 'true',
    min: parseDuration(params.get('min') || '') || 0,
    tags: params.getAll('tag'),
    text: params.get('text') || '',
  };
}

// toParams writes a filter into the address.
export function toParams(filter) {
  const params = new URLSearchParams();
  if (filter.service) params.set('service', filter.service);
  if (filter.name) params.set('name', filter.name);
  if (filter.error) params.set('error', 'true');
  if (filter.min) params.set('min', `${filter.min}us`);
  for (const tag of filter.tags) params.append('tag', tag);
  if (filter.text) params.set('text', filter.text);
  return params;
}

// toQuery writes a filter as parameters of /summaries.
export function toQuery(filter) {
  const params = new URLSearchParams();
  if (filter.service) params.set('serviceName', filter.service);
  if (filter.name) params.set('spanName', filter.name);
  if (filter.error) params.set('error', 'true');
  if (filter.min) params.set('minDuration', String(filter.min));
  for (const tag of filter.tags) params.append('tag', tag);
  if (filter.text) params.set('text', filter.text);
  return params;
}

// chips returns one entry for each part of the filter: {label, without}, where without is the filter that
// remains when the chip is removed.
export function chips(filter) {
  const list = [];
  const chip = (label, change) => list.push({ label, without: { ...filter, ...change } });
  if (filter.service) chip(`service: ${filter.service}`, { service: '', name: '' });
  if (filter.name) chip(`operation: ${filter.name}`, { name: '' });
  if (filter.error) chip('errors', { error: false });
  if (filter.min) chip(`slower than ${duration(filter.min)}`, { min: 0 });
  filter.tags.forEach((tag, i) =>
    chip(`tag: ${tag}`, { tags: filter.tags.filter((_, j) => j !== i) }));
  if (filter.text) chip(`text: ${filter.text}`, { text: '' });
  return list;
}

// decidable reports whether a summary alone says if it matches: it has no tags and no names of inner
// spans.
export function decidable(filter) {
  return !filter.name && filter.tags.length === 0 && !filter.text;
}

// matchesSummary judges the parts of the filter that a summary can answer.
export function matchesSummary(filter, summary) {
  if (filter.error && !summary.errors) return false;
  if (filter.min && !(summary.duration >= filter.min)) return false;
  return !filter.service || summary.services.some((s) => s.name === filter.service);
}

// matchesSpans judges the rest, on the spans of a trace.
export function matchesSpans(filter, spans, find) {
  if (filter.name && !spans.some((s) => s.name === filter.name &&
    (!filter.service || s.service === filter.service))) return false;
  for (const tag of filter.tags) {
    const [key, ...rest] = tag.split('=');
    const value = rest.length > 0 ? rest.join('=') : null;
    if (!spans.some((s) => s.tags && key in s.tags &&
      (value === null || String(s.tags[key]) === value))) return false;
  }
  return !filter.text || find(spans, filter.text).length > 0;
}
