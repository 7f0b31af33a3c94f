package admin

import (
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"bookservice/tracer"
	"bookservice/tracer/delivery"
)

// A spanCollector reads the tracer's counters at each scrape.
type spanCollector struct{ metrics *tracer.Metrics }

// desc describes a metric of the tracer.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("bookservice_tracer_"+name, help, labels, nil)
}

var (
	finished   = desc("spans_finished_total", "Recorded spans that have ended.")
	sampledOut = desc("spans_sampled_out_total", "Spans that were not recorded.")
	clamped    = desc("spans_clamped_total", "Spans that ended before they began.")
	malformed  = desc("headers_malformed_total", "Trace headers that could not be parsed.")
	baggage    = desc("baggage_dropped_total", "Baggage items above the limits or not allowed.")

	// Added = sent + queued + spooled + dropped.
	added = desc("sink_spans_added_total",
		"Spans handed to the sink, including those found in its spool.", "sink")
	sent       = desc("sink_spans_sent_total", "Spans that were accepted.", "sink")
	dropped    = desc("sink_spans_dropped_total", "Spans that were lost.", "sink", "reason")
	queued     = desc("sink_spans_queued", "Spans in memory.", "sink")
	spooled    = desc("sink_spans_spooled", "Spans on disk.", "sink")
	queueBytes = desc("sink_queue_bytes", "Memory that the queued spans use.", "sink")
	spoolBytes = desc("sink_spool_bytes", "Disk space that the spooled spans use.", "sink")
	retried    = desc("sink_sends_retried_total", "Failed attempts that are retried.", "sink")
	batches    = desc("sink_batches_sent_total", "Batches that were accepted.", "sink")
	bytes      = desc("sink_bytes_sent_total",
		"Bytes that were accepted, before compression.", "sink")
	latency = desc("sink_send_seconds", "Duration of the attempts to send.", "sink")
)

// Describe implements prometheus.Collector.
func (s spanCollector) Describe(ch chan<- *prometheus.Desc) {
	prometheus.DescribeByCollect(s, ch)
}

// Collect implements prometheus.Collector.
func (s spanCollector) Collect(ch chan<- prometheus.Metric) {
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
		for desc, v := range map[*prometheus.Desc]uint64{
			added: d.Added, sent: d.Sent, retried: d.Retried, batches: d.Batches, bytes: d.Bytes,
		} {
			counter(desc, v, name)
		}
		for reason, v := range d.DroppedBy {
			counter(dropped, v, name, reason)
		}
		for desc, v := range map[*prometheus.Desc]float64{
			queued: float64(d.Queued), spooled: float64(d.Spooled),
			queueBytes: float64(d.QueueBytes), spoolBytes: float64(d.SpoolBytes),
		} {
			ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v, name)
		}
		ch <- histogram(d.Latency, name)
	}
}

// histogram returns a histogram with cumulative buckets, as Prometheus requires.
func histogram(l delivery.Latency, sink string) prometheus.Metric {
	buckets, count := map[float64]uint64{}, uint64(0)
	for i, bound := range delivery.Bounds() {
		count += l.Buckets[i]
		buckets[bound.Seconds()] = count
	}
	return prometheus.MustNewConstHistogram(latency, l.Count, l.Sum.Seconds(), buckets, sink)
}
