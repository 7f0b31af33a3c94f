// Package prometheus exports the counters of a tracer to Prometheus.
//
//	metrics := &tracer.Metrics{}
//	tr, closer, err := tracer.Open(ctx, c, tracer.WithMetrics(metrics))
//	// …
//	err = registry.Register(prometheus.NewCollector(metrics))
//
// The counters of a sink have the label sink with the name of its backend, and
//
//	sink_spans_added_total = sink_spans_sent_total + sink_spans_queued + sink_spans_spooled +
//	                         sink_spans_dropped_total
//
// holds, summed over the label reason.
package prometheus

import (
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"bookservice/tracer"
	"bookservice/tracer/delivery"
)

// prefix precedes the names of all metrics.
const prefix = "bookservice_tracer_"

// NewCollector returns a collector that reads m whenever it is scraped. It may be registered before
// the tracer is opened.
func NewCollector(m *tracer.Metrics) prometheus.Collector {
	return &collector{metrics: m, tracer: tracerMetrics(), sink: sinkMetrics()}
}

type collector struct {
	metrics *tracer.Metrics
	tracer  []tracerMetric
	sink    sinkDescs
}

// A tracerMetric is a counter of the tracer.
type tracerMetric struct {
	desc  *prometheus.Desc
	value func(tracer.Stats) uint64
}

func tracerMetrics() []tracerMetric {
	counter := func(name, help string, value func(tracer.Stats) uint64) tracerMetric {
		return tracerMetric{prometheus.NewDesc(prefix+name, help, nil, nil), value}
	}
	return []tracerMetric{
		counter("spans_finished_total", "Recorded spans that have finished.",
			func(s tracer.Stats) uint64 { return s.Finished }),
		counter("spans_sampled_out_total", "Spans that were not recorded.",
			func(s tracer.Stats) uint64 { return s.SampledOut }),
		counter("spans_clamped_total",
			"Spans that ended before they began, or whose start or end was replaced.",
			func(s tracer.Stats) uint64 { return s.Clamped }),
		counter("spans_unfinished_total", "Spans that were not finished in time.",
			func(s tracer.Stats) uint64 { return s.Unfinished }),
		counter("spans_live_total", "Spans that were sent before they had ended, and again later.",
			func(s tracer.Stats) uint64 { return s.Live }),
		counter("headers_malformed_total", "Trace headers that could not be read.",
			func(s tracer.Stats) uint64 { return s.Malformed }),
		counter("baggage_dropped_total", "Baggage items beyond the limits, or not allowed.",
			func(s tracer.Stats) uint64 { return s.BaggageDropped }),
	}
}

// sinkDescs are the metrics of each sink.
type sinkDescs struct {
	values  []sinkMetric
	dropped *prometheus.Desc
	latency *prometheus.Desc
}

// A sinkMetric is a counter or a gauge of a sink.
type sinkMetric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(delivery.Stats) float64
}

func sinkMetrics() sinkDescs {
	type stats = delivery.Stats
	const counter, gauge = prometheus.CounterValue, prometheus.GaugeValue
	metric := func(
		name, help string, kind prometheus.ValueType, value func(delivery.Stats) float64,
	) sinkMetric {
		return sinkMetric{sinkDesc(name, help), kind, value}
	}
	return sinkDescs{
		values: []sinkMetric{
			metric("spans_added_total", "Spans handed to the sink, or found in its spool.",
				counter, func(s stats) float64 { return float64(s.Added) }),
			metric("spans_sent_total", "Spans that the destination has accepted.",
				counter, func(s stats) float64 { return float64(s.Sent) }),
			metric("spans_queued", "Spans in memory.",
				gauge, func(s stats) float64 { return float64(s.Queued) }),
			metric("spans_spooled", "Spans on disk.",
				gauge, func(s stats) float64 { return float64(s.Spooled) }),
			metric("queue_bytes", "Memory that queued spans use.",
				gauge, func(s stats) float64 { return float64(s.QueueBytes) }),
			metric("spool_bytes", "Disk space that spooled spans use.",
				gauge, func(s stats) float64 { return float64(s.SpoolBytes) }),
			metric("sends_retried_total", "Attempts that failed and were to be repeated.",
				counter, func(s stats) float64 { return float64(s.Retried) }),
			metric("sends_abandoned_total", "Attempts that did not return in time.",
				counter, func(s stats) float64 { return float64(s.Abandoned) }),
			metric("batches_sent_total", "Batches that the destination has accepted.",
				counter, func(s stats) float64 { return float64(s.Batches) }),
			metric("bytes_sent_total", "Bytes that the destination has accepted, uncompressed.",
				counter, func(s stats) float64 { return float64(s.Bytes) }),
		},
		dropped: sinkDesc("spans_dropped_total", "Spans that were lost.", "reason"),
		latency: sinkDesc("send_seconds", "Duration of attempts."),
	}
}

func sinkDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prefix+"sink_"+name, help, append([]string{"sink"}, labels...), nil)
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range c.tracer {
		ch <- m.desc
	}
	for _, m := range c.sink.values {
		ch <- m.desc
	}
	ch <- c.sink.dropped
	ch <- c.sink.latency
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	stats := c.metrics.Stats()
	for _, m := range c.tracer {
		value := float64(m.value(stats))
		ch <- prometheus.MustNewConstMetric(m.desc, prometheus.CounterValue, value)
	}
	for _, name := range slices.Sorted(maps.Keys(stats.Sinks)) {
		c.collectSink(ch, name, stats.Sinks[name])
	}
}

func (c *collector) collectSink(ch chan<- prometheus.Metric, name string, s delivery.Stats) {
	for _, m := range c.sink.values {
		ch <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(s), name)
	}
	for reason, n := range s.DroppedBy {
		ch <- prometheus.MustNewConstMetric(c.sink.dropped, prometheus.CounterValue, float64(n),
			name, reason)
	}
	// Prometheus expects cumulative buckets.
	buckets, sum := map[float64]uint64{}, uint64(0)
	for i, bound := range delivery.LatencyBounds() {
		sum += s.Latency.Buckets[i]
		buckets[bound.Seconds()] = sum
	}
	ch <- prometheus.MustNewConstHistogram(c.sink.latency, s.Latency.Count,
		s.Latency.Sum.Seconds(), buckets, name)
}
