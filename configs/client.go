package configs

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"bookservice/discovery"
	"bookservice/service/client"
	"bookservice/tracer"
)

// Client is the configuration of bookclient.
type Client struct {
	ID    int           // of the book asked for
	Runs  int           // how often to make both calls
	JSON  bool          // one object a run instead of text
	Lang  string        // "zh" or "en"; empty for zh where LANG begins with it, else en
	Wait  time.Duration // for a first instance
	Calls client.Config

	Tracer    tracer.Config
	Discovery discovery.Config
}

// DefaultClient returns the defaults of every flag.
func DefaultClient() Client {
	c := Client{ID: 1, Runs: 1, Wait: 5 * time.Second,
		Calls: client.DefaultConfig(), Tracer: tracer.DefaultConfig(), Discovery: discovery.DefaultConfig()}
	c.Tracer.ServiceName = "bookclient"
	c.Discovery.Prefix = keyPrefix
	return c
}

// ParseClient reads bookclient's settings. See ErrDone.
func ParseClient(args []string, stdout io.Writer) (Client, error) {
	c := DefaultClient()
	if err := c.Tracer.ReadEnvironment(os.LookupEnv); err != nil {
		return c, err
	}
	fs := flag.NewFlagSet("bookclient", flag.ContinueOnError)
	fs.IntVar(&c.ID, "id", c.ID, "id of the book to ask for")
	fs.IntVar(&c.Runs, "n", c.Runs, "how often to make both calls")
	fs.BoolVar(&c.JSON, "json", c.JSON, "print one JSON object a run")
	fs.StringVar(&c.Lang, "lang", c.Lang, "language of the output, zh or en; empty for what LANG says")
	fs.DurationVar(&c.Wait, "wait", c.Wait, "how long to wait for a first instance")
	c.Calls.RegisterFlags(fs)
	c.Tracer.RegisterFlags(fs)
	if err := c.Discovery.RegisterFlags(fs, ""); err != nil {
		return c, err
	}
	err := parse(fs, args, stdout, func() error { return c.Validate() })
	return c, err
}

// Validate returns the first setting that makes no sense. An id that no book can have is the server's to refuse.
func (c *Client) Validate() error {
	switch {
	case c.ID < -1<<31 || c.ID > 1<<31-1:
		return fmt.Errorf("id %d: must fit in 32 bits", c.ID)
	case c.Runs < 1:
		return fmt.Errorf("n %d: must be 1 or more", c.Runs)
	case c.Lang != "" && c.Lang != "zh" && c.Lang != "en":
		return fmt.Errorf("lang %q: must be zh, en or empty", c.Lang)
	case c.Wait <= 0:
		return fmt.Errorf("wait %v: must be more than 0", c.Wait)
	}
	for _, validate := range []func() error{c.Calls.Validate, func() error { return c.Tracer.Validate() }, c.Discovery.Validate} {
		if err := validate(); err != nil {
			return err
		}
	}
	return nil
}

// Chinese reports whether the output is in Chinese.
func (c *Client) Chinese() bool {
	return c.Lang == "zh" || c.Lang == "" && strings.HasPrefix(os.Getenv("LANG"), "zh")
}
