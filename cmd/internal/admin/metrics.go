package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"bookservice/service/bookendpoint"
)

// AddLostLines adds the number of log lines that were lost to /metrics. It must be called once.
func (s *Server) AddLostLines(lost func() uint64) error {
	return s.registry.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "log_lines_lost_total",
		Help: "Number of log lines that were lost: the log was full, closed or not read.",
	}, func() float64 { return float64(lost()) }))
}

// AddRate adds the counts of the rate limit to /metrics. It must be called once.
func (s *Server) AddRate(stats func() bookendpoint.RateStats) error {
	return s.registry.Register(&rateCollector{
		stats: stats,
		calls: prometheus.NewDesc("rate_limited_calls_total",
			"Number of calls over the rate limit, by what was done with them: "+
				"delayed, rejected, or rejected because of their deadline (too_late).",
			[]string{"result"}, nil),
		left: prometheus.NewDesc("rate_left_calls_total",
			"Number of delayed calls that were cancelled by the client.", nil, nil),
		waiting: prometheus.NewDesc("rate_waiting_calls",
			"Number of calls that the rate limit delays now.", nil, nil),
	})
}

// A rateCollector is a [prometheus.Collector].
type rateCollector struct {
	stats func() bookendpoint.RateStats

	calls, left, waiting *prometheus.Desc
}

// Describe implements [prometheus.Collector].
func (c *rateCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.calls, c.left, c.waiting} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *rateCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.stats()
	counter := func(d *prometheus.Desc, value uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
	}
	counter(c.calls, s.Delayed, "delayed")
	counter(c.calls, s.Rejected, "rejected")
	counter(c.calls, s.TooLate, "too_late")
	counter(c.left, s.Left)
	ch <- prometheus.MustNewConstMetric(c.waiting, prometheus.GaugeValue, float64(s.Waiting))
}
