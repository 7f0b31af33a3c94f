// Reads a file of spans: Zipkin's v2 form or OTLP's, one list, a list of traces, or lines of JSON.

import { fromZipkin } from './zipkin.js';
import { fromOTLP } from './otlp.js';

// parseSpans returns spans in Zipkin's form. Its errors say what the text is instead.
export function parseSpans(text) {
  let data;
  try {
    data = JSON.parse(text);
  } catch (error) {
    data = lines(text);
    if (!data) throw new Error(`not JSON: ${error.message}`, { cause: error });
  }
  const spans = fromZipkin(spansOf(data));
  if (spans.length === 0) throw new Error('no spans in it');
  return spans;
}

// lines reads one JSON value a line, or returns null.
function lines(text) {
  const found = text.split('\n').filter((line) => line.trim() !== '');
  if (found.length < 2) return null;
  try {
    return found.map((line) => JSON.parse(line));
  } catch {
    return null;
  }
}

function spansOf(data) {
  if (Array.isArray(data)) {
    return data.flatMap((item) =>
      Array.isArray(item) || (item && item.resourceSpans) ? spansOf(item) : [item]);
  }
  if (data && Array.isArray(data.resourceSpans)) return fromOTLP(data);
  if (data && Array.isArray(data.batches)) return fromOTLP({ resourceSpans: data.batches });
  if (data && data.traceId && data.id) return [data];
  throw new Error('neither a list of Zipkin v2 spans nor an OTLP request (resourceSpans)');
}
