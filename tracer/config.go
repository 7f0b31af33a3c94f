package tracer

import (
	"flag"
	"slices"
	"strings"
	"time"

	"bookservice/tracer/internal/settings"
)

// Config says which spans are recorded and where they go. Start from [DefaultConfig].
type Config struct {
	// Backend is the name of a backend, or several names separated by commas. noop, zipkin, file,
	// log and memory are always linked; options of [Open] add others. noop stands alone.
	Backend string
	// ServiceName is the name of this service in its spans. Every backend but noop requires it.
	ServiceName string
	// ServiceVersion is the version of this service, for backends that have a place for it. It may
	// be empty.
	ServiceVersion string
	// Address is the address at which this instance is reached: host:port, host or :port, where
	// host is a name or an IP address. [Open] resolves a name. It is empty for a client.
	Address string
	// Resource holds attributes of this process, for backends that have a place for them.
	Resource map[string]string
	// Sample is the share of new traces that the sampler [SamplerProbability] records, 0 to 1.
	Sample float64
	// Sampler decides which traces are recorded.
	Sampler SamplerConfig
	// TraceIDBits is the length of new trace ids: 128, or 64 for peers that require it.
	TraceIDBits int
	// FlushTimeout limits how long Close sends queued spans. It is above 0.
	FlushTimeout time.Duration
	// LiveAfter is the age at which a span that has not ended is sent as it is, once, so that a
	// page can show it. The whole span follows when it has ended, and Zipkin merges the two. Only
	// Zipkin, and backends of third parties that state so, get such spans. A span that was sent is
	// reported in any case, as if another span named it. 0 disables it, the least value is 100 ms.
	LiveAfter   time.Duration
	Delivery    DeliveryConfig
	Zipkin      ZipkinConfig
	File        FileConfig
	Propagation PropagationConfig

	flags settings.Prefix // set by RegisterFlags
}

// DefaultConfig returns the noop backend, which records nothing, and the defaults of all other
// settings.
func DefaultConfig() Config {
	return Config{
		Backend:      noop,
		Sample:       1,
		Sampler:      SamplerConfig{Kind: SamplerProbability, Rate: 100},
		TraceIDBits:  128,
		FlushTimeout: 5 * time.Second,
		Delivery:     defaultDelivery(),
		File:         FileConfig{MaxBytes: 100 << 20, Keep: 3},
		Zipkin:       defaultZipkin(),
		Propagation:  defaultPropagation(),
	}
}

// RegisterFlags defines the flags that set c and the settings of the backends among the options.
// The current values are the defaults. prefix precedes each flag's name: with "books-" there is
// -books-tracer. If fs has one of the flags already, RegisterFlags defines none and returns an
// error that names it.
func (c *Config) RegisterFlags(fs *flag.FlagSet, prefix string, opts ...Option) error {
	c.flags = settings.Prefix(prefix)
	o := newOptions(opts)
	all := flag.NewFlagSet("", flag.ContinueOnError)
	err := c.flags.Register(all, func(own *flag.FlagSet) { c.defineFlags(own, o) })
	if err != nil {
		return err
	}
	for _, register := range c.registrations(o) {
		part := flag.NewFlagSet("", flag.ContinueOnError)
		if err := register(part, prefix); err != nil {
			return err
		}
		if err := settings.Merge(all, part); err != nil {
			return err
		}
	}
	c.flags.RewriteMentions(all)
	return settings.Merge(fs, all)
}

func (c *Config) defineFlags(fs *flag.FlagSet, o options) {
	fs.StringVar(&c.Backend, "tracer", c.Backend,
		"backends for spans: "+strings.Join(c.names(o), ", ")+"; a comma-separated list")
	fs.StringVar(&c.ServiceName, "service-name", c.ServiceName, "name of this service in its spans")
	fs.StringVar(&c.ServiceVersion, "service-version", c.ServiceVersion,
		"version of this service in its spans, if the backend has a place for it")
	fs.Float64Var(&c.Sample, "sample", c.Sample,
		"share of new traces that -sampler probability records, 0 to 1")
	c.Sampler.defineFlags(fs)
	fs.IntVar(&c.TraceIDBits, "trace-id-bits", c.TraceIDBits,
		"length of new trace ids, 128 or 64")
	fs.DurationVar(&c.FlushTimeout, "flush-timeout", c.FlushTimeout,
		"limit for sending queued spans at exit")
	fs.DurationVar(&c.LiveAfter, "live-after", c.LiveAfter,
		"age at which a span that has not ended is sent to Zipkin too, 100ms or more; 0 for never")
	c.Delivery.defineFlags(fs)
	c.Propagation.defineFlags(fs)
}

// registrations returns the RegisterFlags functions of all backends and transports that have one.
func (c *Config) registrations(o options) (all []func(*flag.FlagSet, string) error) {
	for _, b := range c.backends(o) {
		all = append(all, b.RegisterFlags)
	}
	for _, t := range o.transports {
		all = append(all, t.RegisterFlags)
	}
	return slices.DeleteFunc(all, func(f func(*flag.FlagSet, string) error) bool {
		return f == nil
	})
}

// Validate returns an error about the first invalid setting. Its text is "-flag value: must be …".
//
// All settings are checked, whether or not their backend is selected. Only the selected backends
// require a setting that must not be empty. The contents of files, such as certificates, are read
// by [Open], for the selected backends. The options are those of [Open]: they may add backends.
func (c Config) Validate(opts ...Option) error {
	o := newOptions(opts)
	if err := o.err; err != nil {
		return err
	}
	selected, err := c.selected(o)
	if err != nil {
		return err
	}
	checks := []func() error{
		func() error { return c.check(len(selected) > 0) },
		func() error { return c.Sampler.check(c.flags) },
		func() error { return c.Delivery.check(c.flags) },
		func() error { return c.Propagation.check(c.flags) },
	}
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	for _, b := range c.backends(o) {
		if b.Check == nil {
			continue
		}
		if err := b.Check(slices.Contains(selected, b.Name)); err != nil {
			return err
		}
	}
	return nil
}

// minLiveAfter is the least value of Config.LiveAfter but 0.
const minLiveAfter = 100 * time.Millisecond

// check checks the settings that no other type holds.
func (c *Config) check(recording bool) error {
	switch {
	case recording && c.ServiceName == "":
		return c.flags.Invalid("service-name", "", "must not be empty for "+
			c.flags.Flag("tracer")+" "+c.Backend)
	case !(c.Sample >= 0 && c.Sample <= 1): // also true for NaN
		return c.flags.Invalid("sample", c.Sample, "must be 0 to 1")
	case c.TraceIDBits != 128 && c.TraceIDBits != 64:
		return c.flags.Invalid("trace-id-bits", c.TraceIDBits, "must be 128 or 64")
	case c.LiveAfter != 0 && c.LiveAfter < minLiveAfter:
		return c.flags.Invalid("live-after", c.LiveAfter, "must be 0 or 100ms or more")
	case c.FlushTimeout <= 0:
		return c.flags.Invalid("flush-timeout", c.FlushTimeout, "must be more than 0")
	}
	return checkAddress(c.Address)
}

// TraceURL returns the address of a trace in Zipkin's web page. It is empty if Backend does not
// list zipkin.
func (c Config) TraceURL(traceID string) string {
	for name := range strings.SplitSeq(c.Backend, ",") {
		if strings.TrimSpace(name) == "zipkin" {
			return c.Zipkin.traceURL(traceID)
		}
	}
	return ""
}
