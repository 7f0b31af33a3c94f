package admin

import (
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"bookservice/tracer"
	"bookservice/tracer/delivery"
)

// spans reads the tracer's counters when it is asked for them.
type spans struct{ metrics *tracer.Metrics }

const prefix = "bookservice_tracer_"

var (
	finished   = prometheus.NewDesc(prefix+"spans_finished_total", "Recorded spans that have ended.", nil, nil)
	sampledOut = prometheus.NewDesc(prefix+"spans_sampled_out_total", "Spans that were not recorded.", nil, nil)
	clamped    = prometheus.NewDesc(prefix+"spans_clamped_total", "Spans that ended before they began.", nil, nil)
	malformed  = prometheus.NewDesc(prefix+"headers_malformed_total", "Trace headers that could not be read.", nil, nil)
	baggage    = prometheus.NewDesc(prefix+"baggage_dropped_total", "Baggage items beyond the limits, or not allowed.", nil, nil)

	sink = []string{"sink"}
	// Added = sent + queued + spooled + dropped.
	added      = prometheus.NewDesc(prefix+"sink_spans_added_total", "Spans handed to the sink, those found in its spool included.", sink, nil)
	sent       = prometheus.NewDesc(prefix+"sink_spans_sent_total", "Spans that the destination has taken.", sink, nil)
	dropped    = prometheus.NewDesc(prefix+"sink_spans_dropped_total", "Spans that were lost.", []string{"sink", "reason"}, nil)
	queued     = prometheus.NewDesc(prefix+"sink_spans_queued", "Spans in memory.", sink, nil)
	spooled    = prometheus.NewDesc(prefix+"sink_spans_spooled", "Spans on disk.", sink, nil)
	queueBytes = prometheus.NewDesc(prefix+"sink_queue_bytes", "Memory that queued spans take.", sink, nil)
	spoolBytes = prometheus.NewDesc(prefix+"sink_spool_bytes", "Disk that spooled spans take.", sink, nil)
	retried    = prometheus.NewDesc(prefix+"sink_sends_retried_total", "Attempts that failed and were to be made again.", sink, nil)
	batches    = prometheus.NewDesc(prefix+"sink_batches_sent_total", "Batches that the destination has taken.", sink, nil)
	bytes      = prometheus.NewDesc(prefix+"sink_bytes_sent_total", "Bytes that the destination has taken, before compression.", sink, nil)
	latency    = prometheus.NewDesc(prefix+"sink_send_seconds", "How long attempts took.", sink, nil)
)

// Describe implements prometheus.Collector.
func (s spans) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(s, ch) }

// Collect implements prometheus.Collector.
func (s spans) Collect(ch chan<- prometheus.Metric) {
	stats := s.metrics.Stats()
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	counter(finished, stats.Finished)
	counter(sampledOut, stats.SampledOut)
	counter(clamped, stats.Clamped)
	counter(malformed, stats.Malformed)
	counter(baggage, stats.BaggageDropped)
	for _, name := range slices.Sorted(maps.Keys(stats.Sinks)) {
		d := stats.Sinks[name]
		for desc, v := range map[*prometheus.Desc]uint64{added: d.Added, sent: d.Sent, retried: d.Retried, batches: d.Batches, bytes: d.Bytes} {
			counter(desc, v, name)
		}
		for reason, v := range d.DroppedBy {
			counter(dropped, v, name, reason)
		}
		for desc, v := range map[*prometheus.Desc]float64{queued: float64(d.Queued), spooled: float64(d.Spooled),
			queueBytes: float64(d.QueueBytes), spoolBytes: float64(d.SpoolBytes)} {
			ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v, name)
		}
		ch <- histogram(d.Latency, name)
	}
}

// histogram makes the buckets cumulative, as Prometheus has them.
func histogram(l delivery.Latency, sink string) prometheus.Metric {
	buckets, below := map[float64]uint64{}, uint64(0)
	for i, bound := range delivery.LatencyBounds() {
		below += l.Buckets[i]
		buckets[bound.Seconds()] = below
	}
	return prometheus.MustNewConstHistogram(latency, l.Count, l.Sum.Seconds(), buckets, sink)
}
