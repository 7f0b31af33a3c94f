package spancontext

// A Decision states whether the spans of a trace are recorded.
type Decision uint8

// The decisions.
const (
	Undecided Decision = iota // the sampler of the next span decides
	Deny
	Accept
	Debug // like Accept; collectors are asked to keep the trace whatever they sample
)

// Sampled reports whether spans with this decision are recorded.
func (d Decision) Sampled() bool { return d >= Accept }
