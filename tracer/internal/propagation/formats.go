package propagation

// Formats is a set of header formats.
type Formats uint8

// The formats.
const (
	B3      Formats = 1 << iota // the single header b3
	B3Multi                     // the X-B3-… headers
	W3C                         // traceparent and tracestate
	Jaeger                      // uber-trace-id
)

// None is the name of the empty set.
const None = "none"

// FormatNames returns the names that [FormatByName] accepts, in alphabetical order.
func FormatNames() []string { return []string{"b3", "b3multi", "jaeger", None, "w3c"} }

// FormatByName returns the format with this name.
func FormatByName(name string) (f Formats, ok bool) {
	switch name {
	case "b3":
		return B3, true
	case "b3multi":
		return B3Multi, true
	case "jaeger":
		return Jaeger, true
	case None:
		return 0, true
	case "w3c":
		return W3C, true
	}
	return 0, false
}
