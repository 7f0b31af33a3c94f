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

	Sources Sources // of the settings that ParseDemo has read
}

var demoHelp = help{
	about: "Runs an etcd, two bookservers and a client in one process, and prints the trace.",
	common: []summary{
		{"config", "file", "YAML file with settings"},
		{"exit", "", "stop after one run"},
		{"lang", "language", "language of the output: zh, en or empty for LANG's"},
		{"print-config", "", "print the settings in force and exit"},
		{"version", "", "print the version and exit"},
	},
	examples: []string{
		"bookdemo -exit",
		"bookdemo -lang zh",
	},
}

// ParseDemo reads bookdemo's settings as ParseServer reads bookserver's.
func ParseDemo(args []string, stdout io.Writer) (Demo, error) {
	d := Demo{Server: DefaultServer(), Client: DefaultClient()}
	d.Server.GRPCAddr, d.Server.DrainDelay = "127.0.0.1:0", 0
	d.Server.LatencyList, d.Server.LatencyInfo = 200*time.Millisecond, 200*time.Microsecond
	d.Server.Tracer.Backend, d.Client.Tracer.Backend = "memory", "memory"
	cmd := newCommand("bookdemo", demoHelp)
	cmd.group("Demo", func(fs *flag.FlagSet) error {
		fs.BoolVar(&d.Exit, "exit", d.Exit, "stop after one run")
		registerLang(fs, &d.Client)
		return nil
	})
	sources, err := cmd.parse(args, stdout, d.Client.Validate)
	d.Sources = sources
	return d, err
}
