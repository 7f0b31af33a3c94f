// Numbers, durations and times as text. Durations and times are in microseconds.

// duration writes three or four digits and a unit.
export function duration(us) {
  if (us === undefined || us === null || Number.isNaN(us)) return '–';
  const sign = us < 0 ? '−' : '';
  const v = Math.abs(us);
  if (v < 1000) return `${sign}${Math.round(v)} µs`;
  if (v < 999_950) return `${sign}${digits(v / 1e3)} ms`;
  if (v < 59_999_500) return `${sign}${digits(v / 1e6)} s`;
  const seconds = Math.round(v / 1e6);
  if (seconds < 3600) return `${sign}${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${sign}${Math.floor(seconds / 3600)} h ${Math.floor(seconds / 60) % 60} min`;
}

function digits(value) {
  return value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0);
}

// parseDuration reads "1.5s", "200 ms", "300us", "2m", "1h"; a bare number is in milliseconds. It returns
// microseconds, or NaN.
export function parseDuration(text) {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(us|µs|μs|ms|s|m|min|h)?\s*$/i.exec(text);
  if (!match) return NaN;
  const units = { us: 1, 'µs': 1, 'μs': 1, ms: 1e3, s: 1e6, m: 6e7, min: 6e7, h: 3.6e9 };
  return Math.round(Number(match[1]) * units[(match[2] || 'ms').toLowerCase()]);
}

const pad = (n, width = 2) => String(n).padStart(width, '0');

// clock writes the local time of day, with milliseconds.
export function clock(us) {
  if (!us) return '–';
  const d = new Date(us / 1000);
  return `${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}` +
    `.${pad(d.getMilliseconds(), 3)}`;
}

// minute writes the local time of day in hours and minutes.
export function minute(us) {
  const d = new Date(us / 1000);
  return `${pad(d.getHours())}:${pad(d.getMinutes())}`;
}

// date writes the local date and time.
export function date(us) {
  if (!us) return '–';
  const d = new Date(us / 1000);
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())} ${clock(us)}`;
}

// count groups digits by thousands.
export function count(n) {
  return String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ',');
}

// plural writes "1 span", "2 spans".
export function plural(n, one, many = `${one}s`) {
  return `${count(n)} ${n === 1 ? one : many}`;
}

// percent writes a share of 1.
export function percent(share) {
  const p = share * 100;
  if (p === 0) return '0%';
  return p < 0.1 ? '<0.1%' : p < 10 ? `${p.toFixed(1)}%` : `${p.toFixed(0)}%`;
}
