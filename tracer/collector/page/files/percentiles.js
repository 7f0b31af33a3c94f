// Percentiles of durations, by the nearest rank.

// percentile returns the value below which the share p of the sorted values lies.
export function percentile(sorted, p) {
  if (sorted.length === 0) return undefined;
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(p * sorted.length) - 1))];
}

// summarize returns count, min, p50, p90, p99, max and sum of the values.
export function summarize(values) {
  const sorted = Float64Array.from(values).sort();
  let sum = 0;
  for (const v of sorted) sum += v;
  return {
    count: sorted.length, sum, min: sorted[0], p50: percentile(sorted, 0.5),
    p90: percentile(sorted, 0.9), p99: percentile(sorted, 0.99), max: sorted[sorted.length - 1],
  };
}
