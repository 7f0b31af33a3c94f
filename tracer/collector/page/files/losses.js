// Losses as sentences: what senders lost, and what the collector evicted and refused.

import { minute, plural } from './format.js';

// lossTexts returns one sentence for each sender with losses, and one for each kind of the
// collector's.
export function lossTexts(losses) {
  const texts = [];
  for (const sender of losses.senders || []) {
    const lost = (sender.lost || []).filter((l) => l.spans > 0);
    const total = lost.reduce((sum, l) => sum + l.spans, 0);
    if (total === 0) continue;
    const since = sender.since ? ` since ${minute(sender.since)}` : '';
    const reasons = lost.length === 1 ? lost[0].reason
      : lost.map((l) => `${l.reason} ${l.spans}`).join(', ');
    texts.push(`${sender.service} lost ${plural(total, 'span')}${since}: ${reasons}`);
  }
  const { evictedTraces = 0, evictedSpans = 0, refused = [] } = losses.collector || {};
  if (evictedTraces > 0) {
    texts.push(`The collector evicted its oldest ${plural(evictedTraces, 'trace')} ` +
      `(${plural(evictedSpans, 'span')}): memory full`);
  }
  const total = (refused || []).reduce((sum, r) => sum + r.spans, 0);
  if (total > 0) {
    texts.push(`The collector refused ${plural(total, 'span')}: ` +
      refused.map((r) => r.reason).join(', '));
  }
  return texts;
}
