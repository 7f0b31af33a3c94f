package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"bookservice/discovery"
)

// AddDiscovery adds the state of registrations and lists to /metrics. It must be called once.
func (s *Server) AddDiscovery(status func() discovery.Status) error {
	return s.registry.Register(newDiscoveryCollector(status))
}

// A discoveryCollector is a [prometheus.Collector].
type discoveryCollector struct {
	status func() discovery.Status

	registered, instances, kept, skipped, age, reachable *prometheus.Desc
}

func newDiscoveryCollector(status func() discovery.Status) *discoveryCollector {
	service := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("discovery_"+name, help, []string{"service"}, nil)
	}
	return &discoveryCollector{
		status: status,
		registered: prometheus.NewDesc("discovery_registered",
			"Whether the last check of the registration found or created it: 1 or 0.",
			[]string{"service", "address"}, nil),
		instances: service("instances", "Number of instances in the list."),
		kept: service("kept_instances",
			"Number of instances in the list that are not in etcd any more."),
		skipped: service("skipped_values",
			"Number of keys whose value is no address of an instance."),
		age: service("list_age_seconds",
			"Time since etcd has last shown that the list is current."),
		reachable: service("reachable",
			"Whether the last attempt to read the list was successful: 1 or 0."),
	}
}

// Describe implements [prometheus.Collector].
func (c *discoveryCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.registered, c.instances, c.kept, c.skipped, c.age, c.reachable,
	} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector]. Of several instancers of a service, the first counts.
func (c *discoveryCollector) Collect(ch chan<- prometheus.Metric) {
	status := c.status()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	for _, r := range status.Registrations {
		gauge(c.registered, one(r.Registered), r.Service, r.Address)
	}
	seen := map[string]bool{}
	for _, s := range status.Services {
		if seen[s.Service] {
			continue
		}
		seen[s.Service] = true
		gauge(c.instances, float64(s.Instances), s.Service)
		gauge(c.kept, float64(s.Kept), s.Service)
		gauge(c.skipped, float64(s.Skipped), s.Service)
		gauge(c.age, s.Age.Seconds(), s.Service)
		gauge(c.reachable, one(s.Err == nil), s.Service)
	}
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
