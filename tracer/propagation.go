package tracer

import (
	"flag"
	"fmt"
	"strings"

	"bookservice/tracer/internal/propagation"
	"bookservice/tracer/internal/rfc9110"
	"bookservice/tracer/internal/settings"
)

// PropagationConfig says which headers carry contexts to other processes, and which baggage goes
// with them.
type PropagationConfig struct {
	// Inject is a comma-separated list of the header formats that are sent: b3 (the single header),
	// b3multi (X-B3-…), w3c (traceparent and tracestate), jaeger (uber-trace-id). none stands
	// alone: nothing is sent, not even baggage. All formats are read, whatever is sent.
	Inject string
	// BaggageAllow is a comma-separated list of the keys that are extracted, set and sent. Case is
	// ignored. Empty allows all, as OpenTelemetry does. A service that calls others it does not
	// trust should list its keys.
	BaggageAllow string
	// BaggageMaxItems is the largest number of items in a context, 0 to 1024. W3C Baggage asks for
	// 64.
	BaggageMaxItems int
	// BaggageMaxBytes is the largest size of the baggage header, 0 to 65536. W3C Baggage asks for
	// 8192.
	BaggageMaxBytes int
	// BaggageTags is a comma-separated list of the keys of items that are set as tags on every span
	// that has them.
	BaggageTags string
}

func defaultPropagation() PropagationConfig {
	return PropagationConfig{Inject: "w3c,b3multi", BaggageMaxItems: 64, BaggageMaxBytes: 8192}
}

func (c *PropagationConfig) defineFlags(fs *flag.FlagSet) {
	formats := strings.Join(propagation.FormatNames(), ", ")
	fs.StringVar(&c.Inject, "propagation", c.Inject,
		"header formats to send: "+formats+"; a comma-separated list")
	fs.StringVar(&c.BaggageAllow, "baggage-allow", c.BaggageAllow,
		"comma-separated keys of the baggage to accept and send; empty for all")
	fs.IntVar(&c.BaggageMaxItems, "baggage-max-items", c.BaggageMaxItems,
		"largest number of baggage items in a trace, 0 to 1024")
	fs.IntVar(&c.BaggageMaxBytes, "baggage-max-bytes", c.BaggageMaxBytes,
		"largest size of the baggage header, 0 to 65536")
	fs.StringVar(&c.BaggageTags, "baggage-tags", c.BaggageTags,
		"comma-separated keys of the baggage to set as tags on spans")
}

func (c *PropagationConfig) check(flags settings.Prefix) error {
	if _, problem := parseFormats(c.Inject); problem != "" {
		return flags.Invalid("propagation", c.Inject, problem)
	}
	keys := []struct{ name, list string }{
		{"baggage-allow", c.BaggageAllow}, {"baggage-tags", c.BaggageTags},
	}
	for _, k := range keys {
		for _, key := range settings.SplitList(k.list) {
			if !rfc9110.IsToken(key) {
				return flags.Invalid(k.name, key,
					"must consist of letters, digits and !#$%&'*+-.^_`|~")
			}
		}
	}
	switch {
	case c.BaggageMaxItems < 0 || c.BaggageMaxItems > 1024:
		return flags.Invalid("baggage-max-items", c.BaggageMaxItems, "must be 0 to 1024")
	case c.BaggageMaxBytes < 0 || c.BaggageMaxBytes > 64<<10:
		return flags.Invalid("baggage-max-bytes", c.BaggageMaxBytes, "must be 0 to 65536")
	}
	return nil
}

// parseFormats reads a list of formats. The problem says what the list must be; it is empty for a
// valid list.
func parseFormats(list string) (set propagation.Formats, problem string) {
	names := settings.SplitList(list)
	known := "must be a list of " + strings.Join(propagation.FormatNames(), ", ")
	for _, name := range names {
		f, ok := propagation.FormatByName(name)
		switch {
		case !ok:
			return 0, known
		case name == propagation.None && len(names) > 1:
			return 0, fmt.Sprintf("must not list %s with others", propagation.None)
		case set&f != 0:
			return 0, fmt.Sprintf("must not list %s twice", name)
		}
		set |= f
	}
	if len(names) == 0 {
		return 0, known
	}
	return set, ""
}

// propagator returns the propagator of a valid configuration.
func (c *PropagationConfig) propagator() *propagation.Propagator {
	formats, _ := parseFormats(c.Inject)
	return propagation.New(formats, propagation.BaggagePolicy{
		Allow:    settings.SplitList(c.BaggageAllow),
		MaxItems: c.BaggageMaxItems,
		MaxBytes: c.BaggageMaxBytes,
	})
}
