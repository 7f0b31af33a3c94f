package configs

import (
	"flag"
	"io"
	"net"
	"net/netip"

	spanstore "bookservice/tracer/collector"
)

// Collector is the configuration of bookcollector.
type Collector struct {
	Addr         string // host:port to serve HTTP on; port 0 takes a free port
	OTLPGRPCAddr string // host:port to serve OTLP over gRPC on; empty for none
	Store        spanstore.Config

	Sources Sources // of the settings that ParseCollector has read
}

// DefaultCollector returns the defaults of the flags.
func DefaultCollector() Collector {
	return Collector{Addr: "127.0.0.1:9411", Store: spanstore.DefaultConfig()}
}

var collectorHelp = help{
	about: "Receives spans as Zipkin does, keeps them in memory and shows them on a page.",
	common: []summary{
		{"addr", "host:port", "address for spans, queries and the page"},
		{"hosts", "names", "host names to answer to, beside localhost"},
		{"max-bytes", "bytes", "memory for spans"},
		{"otlp-grpc-addr", "addr", "host:port for OTLP over gRPC"},
		{"config", "file", "YAML file with settings"},
		{"print-config", "", "print the settings in force and exit"},
	},
	examples: []string{
		"bookcollector",
		"bookcollector -otlp-grpc-addr 127.0.0.1:4317",
		"bookcollector -addr :9411 -hosts traces.example.com",
	},
}

// ParseCollector reads bookcollector's settings as ParseServer reads bookserver's.
func ParseCollector(args []string, stdout io.Writer) (Collector, error) {
	c := DefaultCollector()
	cmd := newCommand("bookcollector", collectorHelp)
	cmd.group("Addresses", noError(c.registerFlags))
	cmd.group("Spans", func(fs *flag.FlagSet) error { return c.Store.RegisterFlags(fs, "") })
	sources, err := cmd.parse(args, stdout, c.Validate)
	c.Sources = sources
	c.allowOwnName()
	return c, err
}

func (c *Collector) registerFlags(fs *flag.FlagSet) {
	fs.StringVar(&c.Addr, "addr", c.Addr,
		"`host:port` to receive spans and to serve the page on; port 0 takes a free port")
	fs.StringVar(&c.OTLPGRPCAddr, "otlp-grpc-addr", c.OTLPGRPCAddr,
		"`host:port` to receive spans on by OTLP over gRPC; empty for none")
}

// Validate returns an error about the first setting whose value is not allowed.
func (c *Collector) Validate() error {
	return firstError(c.checkAddresses, c.Store.Validate)
}

func (c *Collector) checkAddresses() error {
	if _, err := checkAddr("addr", c.Addr, 0); err != nil {
		return err
	}
	if c.OTLPGRPCAddr == "" {
		return nil
	}
	_, err := checkAddr("otlp-grpc-addr", c.OTLPGRPCAddr, 0)
	return err
}

// allowOwnName allows the name in -addr as a host.
func (c *Collector) allowOwnName() {
	host, _, err := net.SplitHostPort(c.Addr)
	if _, notIP := netip.ParseAddr(host); err == nil && host != "" && notIP != nil {
		c.Store.Hosts = append(c.Store.Hosts, host)
	}
}
