package configs

import (
	"flag"
	"io"
	"time"
)

// Demo is the configuration of bookdemo.
type Demo struct {
	Exit   bool // after one run
	Server Server
	Client Client
}

// ParseDemo reads bookdemo's settings. See ErrDone.
func ParseDemo(args []string, stdout io.Writer) (Demo, error) {
	d := Demo{Server: DefaultServer(), Client: DefaultClient()}
	d.Server.GRPCAddr, d.Server.DrainDelay = "127.0.0.1:0", 0
	d.Server.LatencyList, d.Server.LatencyInfo = 200*time.Millisecond, 200*time.Microsecond
	d.Server.Tracer.Backend, d.Client.Tracer.Backend = "memory", "memory"
	fs := flag.NewFlagSet("bookdemo", flag.ContinueOnError)
	fs.BoolVar(&d.Exit, "exit", d.Exit, "stop after one run")
	fs.StringVar(&d.Client.Lang, "lang", d.Client.Lang, "language of the output, zh or en; empty for what LANG says")
	err := parse(fs, args, stdout, func() error { return d.Client.Validate() })
	return d, err
}
