package tracer

import (
	"flag"
	"fmt"
	"strings"
)

// PropagationConfig says in what headers contexts are sent on, and what baggage goes with them.
type PropagationConfig struct {
	// Inject names the formats of the headers that are sent, separated by commas: b3 (the single header), b3multi (X-B3-…),
	// w3c (traceparent and tracestate), jaeger (uber-trace-id). none stands alone: nothing is sent, baggage neither. All
	// formats are read, whatever is sent.
	Inject string
	// BaggageAllow names the keys of the baggage items that are taken in, set and sent, separated by commas and in any
	// case. Empty allows all, as OpenTelemetry does; a service that calls others it does not trust should list its keys.
	BaggageAllow string
	// BaggageMaxItems is how many items a context carries at most, 0 to 1024. W3C Baggage asks for 64.
	BaggageMaxItems int
	// BaggageMaxBytes is how long the baggage header is at most, 0 to 65536. W3C Baggage asks for 8192.
	BaggageMaxBytes int
	// BaggageTags names the keys of the items that are also tags of every span that has them, separated by commas.
	BaggageTags string
}

func defaultPropagation() PropagationConfig {
	return PropagationConfig{Inject: "w3c,b3multi", BaggageMaxItems: 64, BaggageMaxBytes: 8192}
}

func (c *PropagationConfig) registerFlags(fs *flag.FlagSet) {
	fs.StringVar(&c.Inject, "propagation", c.Inject, "headers that are sent: "+strings.Join(formatNames(), ", ")+"; several with commas")
	fs.StringVar(&c.BaggageAllow, "baggage-allow", c.BaggageAllow, "comma separated keys of the baggage that is taken in and sent; empty for all")
	fs.IntVar(&c.BaggageMaxItems, "baggage-max-items", c.BaggageMaxItems, "baggage items that a trace carries, 0..1024")
	fs.IntVar(&c.BaggageMaxBytes, "baggage-max-bytes", c.BaggageMaxBytes, "length of the baggage header, 0..65536")
	fs.StringVar(&c.BaggageTags, "baggage-tags", c.BaggageTags, "comma separated keys of the baggage that is put on spans as tags")
}

func (c PropagationConfig) validate() error {
	if _, err := parseFormats(c.Inject); err != nil {
		return err
	}
	if err := checkKeys("baggage-allow", c.BaggageAllow); err != nil {
		return err
	}
	if err := checkKeys("baggage-tags", c.BaggageTags); err != nil {
		return err
	}
	switch {
	case c.BaggageMaxItems < 0 || c.BaggageMaxItems > 1024:
		return fmt.Errorf("tracer: baggage-max-items %d: must be 0 to 1024", c.BaggageMaxItems)
	case c.BaggageMaxBytes < 0 || c.BaggageMaxBytes > 64<<10:
		return fmt.Errorf("tracer: baggage-max-bytes %d: must be 0 to 65536", c.BaggageMaxBytes)
	}
	return nil
}

func checkKeys(name, list string) error {
	for _, key := range splitList(list) {
		if !isToken(key) {
			return fmt.Errorf("tracer: %s %q: %q is no key: must be letters, digits and !#$%%&'*+-.^_`|~", name, list, key)
		}
	}
	return nil
}

const noFormat = "none"

func formatByName(name string) (formats, bool) {
	switch name {
	case "b3":
		return formatB3, true
	case "b3multi":
		return formatB3Multi, true
	case "w3c":
		return formatW3C, true
	case "jaeger":
		return formatJaeger, true
	case noFormat:
		return 0, true
	}
	return 0, false
}

func formatNames() []string { return []string{"b3", "b3multi", "jaeger", noFormat, "w3c"} }

func parseFormats(list string) (set formats, err error) {
	names := splitList(list)
	for _, name := range names {
		f, ok := formatByName(name)
		switch {
		case !ok:
			return 0, fmt.Errorf("tracer: propagation %q: unknown format %q (have %s)", list, name, strings.Join(formatNames(), ", "))
		case name == noFormat && len(names) > 1:
			return 0, fmt.Errorf("tracer: propagation %q: %s stands alone", list, noFormat)
		case set&f != 0:
			return 0, fmt.Errorf("tracer: propagation %q: lists %s twice", list, name)
		}
		set |= f
	}
	if len(names) == 0 {
		return 0, fmt.Errorf("tracer: propagation is empty (have %s)", strings.Join(formatNames(), ", "))
	}
	return set, nil
}

// splitList returns the entries between the commas, none for an empty list.
func splitList(list string) []string {
	if strings.TrimSpace(list) == "" {
		return nil
	}
	entries := strings.Split(list, ",")
	for i := range entries {
		entries[i] = strings.TrimSpace(entries[i])
	}
	return entries
}

// set takes the settings over; they are valid.
func (p *propagation) set(c PropagationConfig) {
	p.formats, _ = parseFormats(c.Inject)
	p.baggage = baggagePolicy{
		allow:    splitList(c.BaggageAllow),
		maxItems: c.BaggageMaxItems,
		maxBytes: c.BaggageMaxBytes,
		tags:     splitList(c.BaggageTags),
	}
}
