package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"bookservice/discovery"
)

// AddDiscovery adds the state of registrations and lists to /metrics. It must be called once.
func (s *Server) AddDiscovery(status func() discovery.Status) error {
	return s.registry.Register(discoveryCollector(status))
}

var (
	registeredDesc = prometheus.NewDesc("discovery_registered",
		"Whether the instance is registered: 1 or 0.", []string{"service", "address"}, nil)
	instancesDesc = serviceDesc("discovery_instances", "Number of instances in the list.")
	keptDesc      = serviceDesc("discovery_kept_instances",
		"Number of instances in the list that are not in etcd any more.")
	skippedDesc = serviceDesc("discovery_skipped_values",
		"Number of keys whose value is no address of an instance.")
	ageDesc = serviceDesc("discovery_list_age_seconds",
		"Time since etcd has last shown that the list is current.")
	reachableDesc = serviceDesc("discovery_reachable",
		"Whether the last attempt to read the list was successful: 1 or 0.")
)

func serviceDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, []string{"service"}, nil)
}

// A discoveryCollector is a [prometheus.Collector].
type discoveryCollector func() discovery.Status

// Describe implements [prometheus.Collector].
func (discoveryCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		registeredDesc, instancesDesc, keptDesc, skippedDesc, ageDesc, reachableDesc,
	} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector]. Of several instancers of a service, the first counts.
func (c discoveryCollector) Collect(ch chan<- prometheus.Metric) {
	status := c()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	for _, r := range status.Registrations {
		gauge(registeredDesc, one(r.Registered), r.Service, r.Address)
	}
	seen := map[string]bool{}
	for _, s := range status.Services {
		if seen[s.Service] {
			continue
		}
		seen[s.Service] = true
		gauge(instancesDesc, float64(s.Instances), s.Service)
		gauge(keptDesc, float64(s.Kept), s.Service)
		gauge(skippedDesc, float64(s.Skipped), s.Service)
		gauge(ageDesc, s.Age.Seconds(), s.Service)
		gauge(reachableDesc, one(s.Err == nil), s.Service)
	}
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
