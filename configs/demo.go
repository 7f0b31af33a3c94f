package configs

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Demo is the configuration of bookdemo.
type Demo struct {
	Exit  bool    // after one run
	Rate  float64 // runs of the load per second; 0 for none
	Fault Faults

	Collector Collector // unused if ZipkinURL is set
	ZipkinURL string    // of a Zipkin that is used instead; empty for the own collector
	Server    Server
	Client    Client

	Sources Sources // of the settings that ParseDemo has read
}

// Faults are what bookdemo does to its own parts. A part that is zero has no fault.
type Faults struct {
	Latency   time.Duration // upper bound of the delay of a call to the second server
	Error     float64       // share of calls that fail, 0 to 1
	Kill      time.Duration // how often a bookserver is killed
	Etcd      time.Duration // how often etcd is stopped
	Collector time.Duration // how often the collector is stopped
}

var demoHelp = help{
	about: "Runs etcd, a trace page, two bookservers and a client in one process.",
	common: []summary{
		{"config", "file", "YAML file with settings"},
		{"rate", "number", "runs of the client per second"},
		{"fault", "faults", "what fails, such as kill=10s,error=5%"},
		{"zipkin-url", "url", "Zipkin that receives the spans instead"},
		{"exit", "", "stop after one run and print its trace"},
		{"lang", "language", "language of the output: zh, en or empty for LANG's"},
		{"print-config", "", "print the settings in force and exit"},
	},
	examples: []string{
		"bookdemo",
		"bookdemo -fault latency=200ms,error=5%,kill=10s,etcd=30s,collector=20s",
		"bookdemo -exit -lang zh",
	},
}

// ParseDemo reads bookdemo's settings as ParseServer reads bookserver's.
func ParseDemo(args []string, stdout io.Writer) (Demo, error) {
	d := Demo{
		Rate: 5, Collector: DefaultCollector(), Server: DefaultServer(), Client: DefaultClient(),
	}
	d.Server.GRPCAddr, d.Server.DrainDelay = "127.0.0.1:0", 0
	d.Server.LatencyList, d.Server.LatencyInfo = 200*time.Millisecond, 200*time.Microsecond
	d.Server.Tracer.LiveAfter, d.Client.Tracer.LiveAfter = time.Second, time.Second
	// Ctrl-C ends the demo within 2 s, even if nothing receives the spans.
	d.Server.Tracer.FlushTimeout = 500 * time.Millisecond
	d.Client.Tracer.FlushTimeout = 500 * time.Millisecond
	fault := ""
	cmd := newCommand("bookdemo", demoHelp)
	cmd.group("Demo", func(fs *flag.FlagSet) error {
		fs.BoolVar(&d.Exit, "exit", d.Exit, "stop after one run and print its trace")
		fs.Float64Var(&d.Rate, "rate", d.Rate,
			"runs of the client per second, 0 to 1000; 0 for none")
		fs.StringVar(&fault, "fault", fault,
			"comma-separated `faults`: latency=D delays calls to the second server by up to D; "+
				"error=P% fails this share of calls; kill=D, etcd=D and collector=D stop a "+
				"bookserver, etcd or the collector for some seconds every D")
		fs.StringVar(&d.Collector.Addr, "collector-addr", d.Collector.Addr,
			"`host:port` of the collector and its page; if it is taken, a free port is used")
		fs.StringVar(&d.ZipkinURL, "zipkin-url", d.ZipkinURL,
			"`URL` of a Zipkin that receives the spans; empty for the own collector")
		registerLang(fs, &d.Client)
		return nil
	})
	sources, err := cmd.parse(args, stdout, func() (err error) {
		if d.Fault, err = parseFaults(fault); err != nil {
			return err
		}
		return d.validate()
	})
	d.Sources = sources
	return d, err
}

func (d *Demo) validate() error {
	if !(d.Rate >= 0 && d.Rate <= 1000) { // also true for NaN
		return Invalid("rate", d.Rate, "must be 0 to 1000")
	}
	if _, err := checkAddr("collector-addr", d.Collector.Addr, 0); err != nil {
		return err
	}
	if d.ZipkinURL != "" {
		to := d.ZipkinURL
		if u, err := url.Parse(to); err == nil && u.Host != "" && strings.Trim(u.Path, "/") == "" {
			u.Path = "/api/v2/spans"
			to = u.String()
		}
		d.Server.Tracer.Zipkin.URL, d.Client.Tracer.Zipkin.URL = to, to
	}
	return firstError(d.Client.Validate, d.Server.Validate)
}

// minFault is the shortest time between two stops of one part: each lasts some seconds.
const minFault = 5 * time.Second

// parseFaults reads the flag -fault.
func parseFaults(text string) (f Faults, err error) {
	durations := map[string]*time.Duration{
		"latency": &f.Latency, "kill": &f.Kill, "etcd": &f.Etcd, "collector": &f.Collector,
	}
	invalid := func(format string, args ...any) error {
		return Invalid("fault", text, fmt.Sprintf("must "+format, args...))
	}
	if strings.TrimSpace(text) == "" {
		return f, nil
	}
	for entry := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(entry), "=")
		if name == "error" {
			percent, err := strconv.ParseFloat(strings.TrimSuffix(value, "%"), 64)
			if err != nil || !(percent >= 0 && percent <= 100) || !strings.HasSuffix(value, "%") {
				return f, invalid("have error=0%% to error=100%%")
			}
			f.Error = percent / 100
			continue
		}
		to, ok := durations[name]
		if !ok {
			names := append(slices.Collect(maps.Keys(durations)), "error")
			slices.Sort(names)
			return f, invalid("have the names %s", strings.Join(names, ", "))
		}
		d, err := time.ParseDuration(value)
		switch {
		case err != nil || d <= 0:
			return f, invalid("have a duration such as %s=20s", name)
		case name != "latency" && d < minFault:
			return f, invalid("have %s of %v or more", name, minFault)
		}
		*to = d
	}
	return f, nil
}
