package tracer

import (
	"context"
	"flag"
	"log/slog"
	"time"

	"github.com/openzipkin/zipkin-go/reporter"

	"bookservice/tracer/delivery"
	"bookservice/tracer/finished"
	"bookservice/tracer/internal/recording"
	"bookservice/tracer/internal/settings"
	"bookservice/tracer/internal/sink"
)

// A Backend is a destination for finished spans that [Config.Backend] can name. The backends of
// this module and those of third parties are all of this type. Pass one to [Open] with
// [WithBackend].
type Backend struct {
	// Name is the name in [Config.Backend]. It is unique, and has no comma or white space.
	Name string
	// RegisterFlags defines the flags of the backend's settings, with prefix before each name. It
	// may be nil.
	RegisterFlags func(fs *flag.FlagSet, prefix string) error
	// ReadEnvironment sets the backend's settings from environment variables. It may be nil.
	ReadEnvironment func(lookup func(name string) (value string, set bool)) error
	// Check returns an error about the first invalid setting. selected reports whether
	// Config.Backend lists the backend; if it does not, settings that are required may be empty.
	// Check may be nil.
	Check func(selected bool) error
	// Open opens the backend. It does not wait for the destination: one that is down is no error.
	// It returns what [Settings.Queue] or [Settings.Reporter] returns.
	Open func(ctx context.Context, s Settings) (Sink, error)
}

// Settings are the settings of a tracer that concern each of its backends.
type Settings struct {
	ServiceName    string
	ServiceVersion string            // may be empty
	Address        string            // may be empty, see [Config.Address]
	Resource       map[string]string // attributes of this process; not to be changed
	FlushTimeout   time.Duration
	Delivery       DeliveryConfig
	Logger         *slog.Logger

	backend string          // the name
	spools  map[string]bool // collects [Destination.Spool] of all queues
	flags   settings.Prefix
}

// A Sink receives the finished spans of one tracer for one backend.
type Sink struct{ sink recording.Sink }

// A Destination receives batches of encoded spans from a queue.
type Destination struct {
	// Spool is the name of the folder for the spans of this destination below
	// [DeliveryConfig.Spool]. A change of the encoding requires another name: the spans that an
	// earlier process has spooled are sent as they are.
	Spool string
	// Address is shown in logs and errors. It must not contain credentials.
	Address string
	// Encode appends a span to b and returns the result. It is called concurrently, and must not
	// keep the span. A batch holds the encoded spans one after the other.
	Encode func(b []byte, s *finished.Span) []byte
	// Send sends one batch. Its errors decide whether the batch is sent again.
	Send delivery.SendFunc
	// SendTimeout is the longest time that one Send may take; 0 means the default of
	// [delivery.Config].
	SendTimeout time.Duration
	// Close releases what Send uses. It is called once, after the last Send. It may be nil.
	Close func()
	// Live states that the destination merges the pieces of a span that have the same id, as Zipkin
	// does. With [Config.LiveAfter], Encode then also gets spans that have not ended, with the
	// duration 0. The whole span follows when it has ended.
	Live bool
	// InOrder sends one batch at a time, whatever [DeliveryConfig.Senders] is.
	InOrder bool
}

// Queue returns a sink that delivers over a queue of package delivery: bounded, retried, counted
// and, with [DeliveryConfig.Spool], durable. On an error to is closed.
func (s Settings) Queue(to Destination) (Sink, error) {
	cfg := s.Delivery.queue(to.Spool)
	if s.spools != nil {
		s.spools[to.Spool] = true
	}
	cfg.SendTimeout = to.SendTimeout
	if to.InOrder {
		cfg.Senders = 1
	}
	q, err := sink.NewQueue(sink.Destination{
		Backend: s.backend, Address: to.Address, Encode: to.Encode, Send: to.Send, Close: to.Close,
		Live: to.Live,
	}, cfg, s.FlushTimeout, s.Logger)
	if err != nil { // the only one is about the spool
		return Sink{}, s.flags.Invalid("spool", s.Delivery.Spool,
			"must be a folder that this process alone can use: "+err.Error())
	}
	return Sink{q}, nil
}

// Reporter returns a sink over a reporter of zipkin-go. One goroutine calls Send with one span at a
// time, which the reporter may keep. Send may block, and a panic costs only its span. Up to 10,000
// spans wait for the reporter; further ones are dropped, counted, and logged at most every 10 s.
// Close is called once, by the same goroutine, after the last Send.
func (s Settings) Reporter(r reporter.Reporter) Sink {
	return Sink{sink.NewReporter(s.backend, r, s.FlushTimeout, s.Logger)}
}
