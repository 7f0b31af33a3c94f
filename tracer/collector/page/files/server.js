// The collector's answers.

import { toQuery } from './filters.js';
import { early } from './early.js';

// RequestError says what the collector answered; status is 0 if it did not.
export class RequestError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

// Server asks the collector that sent the page.
export class Server {
  constructor(base) {
    this.base = base;
    this.live = true;
  }

  async get(path, params, asked) {
    const query = params ? String(params) : '';
    let response;
    try {
      response = await (asked || fetch(`${this.base}api/v2/${path}${query ? `?${query}` : ''}`));
    } catch (error) {
      throw new RequestError('the collector does not answer', 0, { cause: error });
    }
    if (!response.ok) {
      const text = (await response.text()).slice(0, 300);
      throw new RequestError(text || `the collector answered ${response.status}`, response.status);
    }
    return response.json();
  }

  // trace returns the pieces of a trace, or null if the collector has none.
  async trace(id) {
    try {
      return await this.get(`trace/${encodeURIComponent(id)}`, null, early(id));
    } catch (error) {
      if (error.status === 404) return null;
      throw error;
    }
  }

  summaries(filter, { limit = 200, before } = {}) {
    const params = toQuery(filter);
    params.set('limit', String(limit));
    if (before !== undefined) params.set('before', String(before));
    return this.get('summaries', params);
  }

  services() {
    return this.get('services');
  }

  spanNames(service) {
    return this.get('spans', new URLSearchParams({ serviceName: service }));
  }

  // dependencies returns the links and the time over which they were counted, in microseconds.
  async dependencies(lookback) {
    const endTs = Date.now();
    const params = new URLSearchParams({ endTs: String(endTs), lookback: String(lookback / 1000) });
    const [links, losses] = await Promise.all([this.get('dependencies', params), this.losses()]);
    const oldest = losses.oldest || 0; // rates are of the time that has traces
    return { links, span: oldest ? Math.min(lookback, endTs * 1000 - oldest) : lookback };
  }

  durations(service, name) {
    return this.get('durations', new URLSearchParams({ service, name }));
  }

  running() {
    return this.get('running');
  }

  losses() {
    return this.get('losses');
  }

  async clear() {
    const response = await fetch(`${this.base}api/v2/clear`, { method: 'POST' });
    if (!response.ok) throw new RequestError(`clear: ${response.status}`, response.status);
  }
}
