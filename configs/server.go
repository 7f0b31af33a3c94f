package configs

import (
	"flag"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"bookservice/discovery"
	"bookservice/service/bookendpoint"
	"bookservice/tracer/all"
)

// prefix is where the commands register in etcd.
const prefix = "/services/book/"

// Server is the configuration of bookserver.
type Server struct {
	GRPCAddr  string // host:port to listen on; port 0 takes a free port
	Advertise string // host:port to register; empty for the one that is listened on
	AdminAddr string // loopback host:port for /metrics; empty for none

	// AdminHosts are comma-separated host names that requests for /metrics may have, beside
	// localhost and IP addresses; * allows all.
	AdminHosts string

	Books string // path of a JSON file; empty for the built-in catalogue

	LatencyList  time.Duration // upper bound of the simulated delay of a list, uniform from 0
	LatencyInfo  time.Duration // the same for one book
	HeapBytes    int           // see cmd/internal/heap
	FailShare    float64       // share of calls that fail, as a simulation, 0 to 1
	DrainDelay   time.Duration // from leaving discovery to refusing calls: clients notice
	DrainTimeout time.Duration // limit for the calls in flight at the end

	MaxStreams        int           // calls in flight on one connection, 1 or more
	MaxConnectionIdle time.Duration // a connection without calls is closed after it; 0 for never
	MaxConnectionAge  time.Duration // a connection is closed after it, ±10 %; 0 for never

	Guards    bookendpoint.Config
	Tracer    all.Config
	Discovery discovery.Config

	Sources  Sources  // of the settings that ParseServer has read
	Warnings Warnings // to log; of ParseServer
}

// defaultHeap is the default of -heap-bytes: four times that of Go. A larger heap costs more in
// misses of the processor's caches than it saves in collections.
const defaultHeap = 16 << 20

func registerHeap(fs *flag.FlagSet, size *int) {
	fs.IntVar(size, "heap-bytes", *size,
		"size of the heap below which no garbage is collected, in bytes, 0 or more; without "+
			"effect if GOGC or GOMEMLIMIT is set")
}

func checkHeap(size int) error {
	if size < 0 {
		return Invalid("heap-bytes", size, "must be 0 or more")
	}
	return nil
}

// DefaultServer returns the defaults of the flags.
func DefaultServer() Server {
	c := Server{
		GRPCAddr:     "127.0.0.1:50051",
		DrainDelay:   500 * time.Millisecond,
		DrainTimeout: 10 * time.Second,

		MaxStreams:        1000,
		MaxConnectionIdle: 15 * time.Minute,
		MaxConnectionAge:  30 * time.Minute,

		HeapBytes: defaultHeap,
		Guards:    bookendpoint.DefaultConfig(),
		Tracer:    all.DefaultConfig(),
		Discovery: discovery.DefaultConfig(),
	}
	c.Tracer.ServiceName = "bookserver"
	c.Discovery.Prefix = prefix
	return c
}

var serverHelp = help{
	about: "Serves the book service over gRPC, registers in etcd and traces every call.",
	common: []summary{
		{"config", "file", "YAML file with settings"},
		{"grpc-addr", "host:port", "address to listen on"},
		{"advertise", "host:port", "address to register, if it is another one"},
		{"admin-addr", "host:port", "loopback address that serves /metrics"},
		{"books", "file", "JSON file with the catalogue"},
		{"discovery", "kind", "etcd or static"},
		{"etcd", "addresses", "addresses of etcd"},
		{"tracer", "backends", "noop, zipkin, otlp, file, log, memory"},
		{"zipkin-url", "url", "address of Zipkin for spans"},
		{"print-config", "", "print the settings in force and exit"},
	},
	examples: []string{
		"bookserver -tracer zipkin -zipkin-url http://zipkin:9411/api/v2/spans",
		"bookserver -grpc-addr :50051 -advertise books1:50051 -etcd etcd1:2379",
		"bookserver -config configs/bookserver.yaml -print-config",
	},
}

// ParseServer reads bookserver's settings from its arguments, the environment and a file, and
// validates them. It returns ErrDone if there is nothing left to do. What it returns beside an
// error has the secrets that are known until then.
func ParseServer(args []string, stdout io.Writer) (Server, error) {
	c := DefaultServer()
	environment := c.Tracer.ReadEnvironment(os.LookupEnv, c.Warnings.collect())
	cmd := newCommand("bookserver", serverHelp)
	cmd.group("Server", noError(c.registerFlags))
	cmd.group("Calls", c.Guards.RegisterFlags)
	cmd.group("Discovery", func(fs *flag.FlagSet) error {
		return c.Discovery.RegisterFlags(fs, "")
	})
	cmd.group("Tracer", func(fs *flag.FlagSet) error { return c.Tracer.RegisterFlags(fs, "") })
	sources, err := cmd.parse(args, stdout, func() error {
		return firstError(func() error { return environment }, c.Validate)
	})
	c.Sources = sources
	return c, err
}

func (c *Server) registerFlags(fs *flag.FlagSet) {
	fs.StringVar(&c.GRPCAddr, "grpc-addr", c.GRPCAddr,
		"`host:port` to serve gRPC on; port 0 takes a free port")
	fs.StringVar(&c.Advertise, "advertise", c.Advertise,
		"`host:port` to register; required if -grpc-addr has no host")
	fs.StringVar(&c.AdminAddr, "admin-addr", c.AdminAddr,
		"loopback `host:port` to serve /metrics on; empty for none")
	fs.StringVar(&c.AdminHosts, "admin-hosts", c.AdminHosts,
		"comma-separated host `names` that /metrics is requested by, beside localhost and IPs; "+
			"* for all")
	fs.StringVar(&c.Books, "books", c.Books,
		`JSON `+"`file`"+` with the catalogue, [{"id":1,"name":"…"}]; empty for the built-in one`)
	fs.DurationVar(&c.LatencyList, "latency-list", c.LatencyList,
		"upper bound of the simulated delay of a list, uniform from 0")
	fs.DurationVar(&c.LatencyInfo, "latency-info", c.LatencyInfo,
		"upper bound of the simulated delay of one book, uniform from 0")
	registerHeap(fs, &c.HeapBytes)
	fs.Float64Var(&c.FailShare, "fail-share", c.FailShare,
		"share of calls that fail, as a simulation, 0 to 1")
	fs.DurationVar(&c.DrainDelay, "drain-delay", c.DrainDelay,
		"time from leaving discovery to refusing new calls")
	fs.DurationVar(&c.DrainTimeout, "drain-timeout", c.DrainTimeout,
		"limit for calls in flight at the end, and on a connection of -max-connection-age")
	fs.IntVar(&c.MaxStreams, "max-streams", c.MaxStreams,
		"calls in flight on one connection; clients delay further ones")
	fs.DurationVar(&c.MaxConnectionIdle, "max-connection-idle", c.MaxConnectionIdle,
		"time without calls after which a connection is closed; 0s for never")
	fs.DurationVar(&c.MaxConnectionAge, "max-connection-age", c.MaxConnectionAge,
		"age, ±10 %, at which a connection is closed and clients connect again; 0s for never")
}

// Validate returns an error about the first setting whose value is not allowed.
func (c *Server) Validate() error {
	return firstError(func() error { return checkHeap(c.HeapBytes) },
		c.checkAddresses, c.checkBooks, c.checkDurations,
		c.Guards.Validate, func() error { return c.Tracer.Validate() }, c.Discovery.Validate)
}

// firstError returns the first error of the checks.
func firstError(checks ...func() error) error {
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (c *Server) checkAddresses() error {
	host, err := checkAddr("grpc-addr", c.GRPCAddr, 0)
	switch {
	case err != nil:
		return err
	case c.Advertise == "" && isUnspecified(host):
		return Invalid("grpc-addr", c.GRPCAddr,
			"must have a host unless -advertise host:port is set")
	}
	if c.Advertise != "" {
		host, err := checkAddr("advertise", c.Advertise, 1)
		switch {
		case err != nil:
			return err
		case isUnspecified(host):
			return Invalid("advertise", c.Advertise, "must have a host that clients can reach")
		}
	}
	if c.AdminAddr != "" {
		host, err := checkAddr("admin-addr", c.AdminAddr, 0)
		switch {
		case err != nil:
			return err
		case !isLoopback(host): // /metrics has no authentication
			return Invalid("admin-addr", c.AdminAddr,
				"must be a loopback address, such as 127.0.0.1:9090")
		}
	}
	for host := range strings.SplitSeq(c.AdminHosts, ",") {
		if strings.ContainsAny(host, "/:@ \t") {
			return Invalid("admin-hosts", c.AdminHosts, "must be host names without a port")
		}
	}
	return nil
}

func (c *Server) checkBooks() error {
	if strings.Contains(c.Books, "://") {
		return Invalid("books", c.Books, "must be the path of a file, not a URL")
	}
	return nil
}

func (c *Server) checkDurations() error {
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"latency-list", c.LatencyList},
		{"latency-info", c.LatencyInfo},
		{"drain-delay", c.DrainDelay},
		{"max-connection-idle", c.MaxConnectionIdle},
		{"max-connection-age", c.MaxConnectionAge},
	} {
		if d.value < 0 {
			return Invalid(d.name, d.value, "must be 0s or more")
		}
	}
	if !(c.FailShare >= 0 && c.FailShare <= 1) { // also true for NaN
		return Invalid("fail-share", c.FailShare, "must be 0 to 1")
	}
	if c.DrainTimeout <= 0 {
		return Invalid("drain-timeout", c.DrainTimeout, "must be more than 0")
	}
	if c.MaxStreams < 1 || c.MaxStreams > math.MaxInt32 {
		return Invalid("max-streams", c.MaxStreams, "must be 1 to 2147483647")
	}
	return nil
}

func isUnspecified(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// checkAddr returns the host of a host:port with a port of lowest or more.
func checkAddr(name, addr string, lowest uint64) (host string, err error) {
	host, port, err := net.SplitHostPort(addr)
	n, errPort := strconv.ParseUint(port, 10, 16)
	if err != nil || errPort != nil || n < lowest || strings.ContainsAny(host, "/@?#,\"' \t\r\n") {
		allowed := fmt.Sprintf("must be host:port with a port of %d to 65535", lowest)
		return "", Invalid(name, addr, allowed)
	}
	return host, nil
}
