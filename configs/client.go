package configs

import (
	"flag"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"bookservice/discovery"
	"bookservice/service/client"
	"bookservice/tracer/all"
)

// Client is the configuration of bookclient.
type Client struct {
	ID        int           // of the book to request
	Runs      int           // how often to make both calls
	JSON      bool          // print one JSON object for each run instead of text
	Lang      string        // "zh" or "en"; empty for zh if LANG begins with it, else en
	HeapBytes int           // see cmd/internal/heap
	Wait      time.Duration // limit for the first instance to appear

	Calls     client.Config
	Tracer    all.Config
	Discovery discovery.Config

	Sources  Sources  // of the settings that ParseClient has read
	Warnings Warnings // to log; of ParseClient
}

// DefaultClient returns the defaults of the flags.
func DefaultClient() Client {
	c := Client{
		ID:        1,
		Runs:      1,
		HeapBytes: defaultHeap,
		Wait:      5 * time.Second,
		Calls:     client.DefaultConfig(),
		Tracer:    all.DefaultConfig(),
		Discovery: discovery.DefaultConfig(),
	}
	c.Tracer.ServiceName = "bookclient"
	c.Discovery.Prefix = prefix
	return c
}

var clientHelp = help{
	about: "Discovers the book service, requests one book and the list, and prints both.",
	common: []summary{
		{"config", "file", "YAML file with settings"},
		{"id", "number", "id of the book to request"},
		{"n", "number", "how often to make both calls"},
		{"json", "", "print one JSON object for each run"},
		{"lang", "language", "language of the output: zh, en or empty for LANG's"},
		{"wait", "duration", "limit for the first instance to appear"},
		{"etcd", "addresses", "addresses of etcd"},
		{"tracer", "backends", "noop, zipkin, otlp, file, log, memory"},
		{"zipkin-url", "url", "address of Zipkin for spans"},
		{"print-config", "", "print the settings in force and exit"},
	},
	examples: []string{
		"bookclient -id 2 -lang zh -tracer memory",
		"bookclient -etcd etcd1:2379,etcd2:2379 -tracer zipkin -n 10 -json",
		"bookclient -discovery static -instances 127.0.0.1:50051",
	},
}

// ParseClient reads bookclient's settings as ParseServer reads bookserver's.
func ParseClient(args []string, stdout io.Writer) (Client, error) {
	c := DefaultClient()
	environment := c.Tracer.ReadEnvironment(os.LookupEnv, c.Warnings.collect())
	cmd := newCommand("bookclient", clientHelp)
	cmd.group("Client", noError(c.registerFlags))
	cmd.group("Calls", c.Calls.RegisterFlags)
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

func (c *Client) registerFlags(fs *flag.FlagSet) {
	fs.IntVar(&c.ID, "id", c.ID, "id of the book to request")
	fs.IntVar(&c.Runs, "n", c.Runs, "how often to make both calls, 1 or more")
	fs.BoolVar(&c.JSON, "json", c.JSON, "print one JSON object for each run")
	registerLang(fs, c)
	registerHeap(fs, &c.HeapBytes)
	fs.DurationVar(&c.Wait, "wait", c.Wait, "limit for the first instance to appear")
}

func registerLang(fs *flag.FlagSet, c *Client) {
	fs.StringVar(&c.Lang, "lang", c.Lang,
		"`language` of the output: zh, en, or empty for zh if LANG begins with it, else en")
}

// Validate returns an error about the first setting whose value is not allowed. An id that no book
// has is no such error: the server rejects it.
func (c *Client) Validate() error {
	return firstError(c.check, func() error { return checkHeap(c.HeapBytes) },
		c.Calls.Validate, func() error { return c.Tracer.Validate() }, c.Discovery.Validate)
}

func (c *Client) check() error {
	switch {
	case c.ID < math.MinInt32 || c.ID > math.MaxInt32:
		return Invalid("id", c.ID, "must fit in 32 bits")
	case c.Runs < 1:
		return Invalid("n", c.Runs, "must be 1 or more")
	case c.Lang != "" && c.Lang != "zh" && c.Lang != "en":
		return Invalid("lang", c.Lang, "must be zh, en or empty")
	case c.Wait <= 0:
		return Invalid("wait", c.Wait, "must be more than 0")
	}
	return nil
}

// Chinese reports whether the output is in Chinese.
func (c *Client) Chinese() bool {
	return c.Lang == "zh" || c.Lang == "" && strings.HasPrefix(os.Getenv("LANG"), "zh")
}
