package configs

import (
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"bookservice/discovery"
	"bookservice/service/bookendpoint"
	"bookservice/tracer"
)

// keyPrefix is the default prefix of the keys in etcd, the same in all commands.
const keyPrefix = "/services/book/"

// Server is the configuration of bookserver.
type Server struct {
	GRPCAddr  string // listened on; port 0 takes a free one
	Advertise string // registered instead of the bound address
	AdminAddr string // loopback address for /metrics; empty for none
	Books     string // a JSON file; empty for the built-in catalogue

	LatencyList, LatencyInfo time.Duration // simulated delays, uniform from 0
	DrainDelay               time.Duration // from leaving discovery to refusing calls, so that clients notice
	DrainTimeout             time.Duration // for calls in flight at the end

	Guards    bookendpoint.Config
	Tracer    tracer.Config
	Discovery discovery.Config
}

// DefaultServer returns the defaults of every flag.
func DefaultServer() Server {
	c := Server{
		GRPCAddr:     "127.0.0.1:50051",
		DrainDelay:   500 * time.Millisecond,
		DrainTimeout: 10 * time.Second,
		Guards:       bookendpoint.DefaultConfig(),
		Tracer:       tracer.DefaultConfig(),
		Discovery:    discovery.DefaultConfig(),
	}
	c.Tracer.ServiceName = "bookserver"
	c.Discovery.Prefix = keyPrefix
	return c
}

// ParseServer reads bookserver's settings. See ErrDone.
func ParseServer(args []string, stdout io.Writer) (Server, error) {
	c := DefaultServer()
	if err := c.Tracer.ReadEnvironment(os.LookupEnv); err != nil {
		return c, err
	}
	fs := flag.NewFlagSet("bookserver", flag.ContinueOnError)
	fs.StringVar(&c.GRPCAddr, "grpc-addr", c.GRPCAddr, "host:port to serve gRPC on; port 0 takes a free one")
	fs.StringVar(&c.Advertise, "advertise", c.Advertise, "host:port to register, needed when -grpc-addr names no host")
	fs.StringVar(&c.AdminAddr, "admin-addr", c.AdminAddr, "loopback host:port to serve /metrics on; empty for none")
	fs.StringVar(&c.Books, "books", c.Books, `JSON file with the catalogue, [{"id":1,"name":"…"}]`)
	fs.DurationVar(&c.LatencyList, "latency-list", c.LatencyList, "simulated delay of the list, uniform from 0")
	fs.DurationVar(&c.LatencyInfo, "latency-info", c.LatencyInfo, "simulated delay of one book, uniform from 0")
	fs.DurationVar(&c.DrainDelay, "drain-delay", c.DrainDelay, "from leaving discovery to refusing new calls")
	fs.DurationVar(&c.DrainTimeout, "drain-timeout", c.DrainTimeout, "limit for calls in flight at the end")
	c.Guards.RegisterFlags(fs)
	c.Tracer.RegisterFlags(fs)
	if err := c.Discovery.RegisterFlags(fs, ""); err != nil {
		return c, err
	}
	err := parse(fs, args, stdout, func() error { return c.Validate() })
	return c, err
}

// Validate returns the first setting that makes no sense.
func (c *Server) Validate() error {
	host, err := checkAddr("grpc-addr", c.GRPCAddr, 0)
	if err != nil {
		return err
	}
	if c.Advertise != "" {
		if named, err := checkAddr("advertise", c.Advertise, 1); err != nil {
			return err
		} else if unspecified(named) {
			return fmt.Errorf("advertise %q: must name a host that clients can reach", c.Advertise)
		}
	} else if unspecified(host) {
		return fmt.Errorf("grpc-addr %q: names no host: -advertise host:port must say what to register", c.GRPCAddr)
	}
	if err := checkAdminAddr(c.AdminAddr); err != nil {
		return err
	}
	for name, d := range map[string]time.Duration{
		"latency-list": c.LatencyList, "latency-info": c.LatencyInfo, "drain-delay": c.DrainDelay,
	} {
		if d < 0 {
			return fmt.Errorf("%s %v: must not be negative", name, d)
		}
	}
	if c.DrainTimeout <= 0 {
		return fmt.Errorf("drain-timeout %v: must be more than 0", c.DrainTimeout)
	}
	for _, validate := range []func() error{c.Guards.Validate, func() error { return c.Tracer.Validate() }, c.Discovery.Validate} {
		if err := validate(); err != nil {
			return err
		}
	}
	return nil
}

// checkAdminAddr keeps what operators see from everybody else.
func checkAdminAddr(addr string) error {
	if addr == "" {
		return nil
	}
	host, err := checkAddr("admin-addr", addr, 0)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("admin-addr %q: must be a loopback address, like 127.0.0.1:9090", addr)
	}
	return nil
}

func unspecified(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

func checkAddr(name, addr string, lowest int) (host string, err error) {
	host, port, err := net.SplitHostPort(addr)
	n, errPort := strconv.Atoi(port)
	if err != nil || errPort != nil || n < lowest || n > 65535 {
		return "", fmt.Errorf("%s %q: must be host:port with a port of %d to 65535", name, addr, lowest)
	}
	return host, nil
}
