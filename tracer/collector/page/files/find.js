// Find in all fields of a trace's spans.

// haystack returns all of a span's text in lower case. It is made once.
export function haystack(span) {
  if (span.haystack !== null) return span.haystack;
  const parts = [span.name, span.service, span.remote, span.kind, span.id, span.parentId || ''];
  for (const e of [span.local, span.remoteEndpoint]) {
    if (e) parts.push(e.ipv4 || '', e.ipv6 || '', e.port === undefined ? '' : `:${e.port}`);
  }
  for (const key in span.tags) parts.push(`${key}=${span.tags[key]}`);
  for (const a of span.annotations) parts.push(a.value);
  span.haystack = parts.join('\n').toLowerCase();
  return span.haystack;
}

// find returns the spans whose text has all words of the query. A word may be quoted.
export function find(spans, query) {
  return [...finder(spans, query, Infinity)].pop();
}

// finder yields the list of matches so far after each slice of spans, so that a caller can
// give the browser a frame in between.
export function* finder(spans, query, slice) {
  const words = wordsOf(query);
  const found = [];
  let left = slice;
  if (words.length > 0) {
    for (const span of spans) {
      if (!span.missing && words.every((w) => haystack(span).includes(w))) found.push(span);
      if (--left === 0) {
        left = slice;
        yield found;
      }
    }
  }
  yield found;
}

function wordsOf(query) {
  const words = [];
  for (const match of query.toLowerCase().matchAll(/"([^"]*)"?|(\S+)/g)) {
    const word = match[1] !== undefined ? match[1] : match[2];
    if (word) words.push(word);
  }
  return words;
}
