package tracer

import (
	"context"
	"crypto/tls"
	"flag"
)

// A Transport is a way to Zipkin's collectors other than HTTP, which [ZipkinConfig.Transport] can
// name. Pass one to [Open] with [WithTransport].
type Transport struct {
	// Name is the name in [ZipkinConfig.Transport]. It is unique.
	Name string
	// RegisterFlags defines the flags of the transport's settings, with prefix before each name. It
	// may be nil.
	RegisterFlags func(fs *flag.FlagSet, prefix string) error
	// Check returns an error about the first invalid setting. selected reports whether
	// ZipkinConfig.Transport names the transport and Config.Backend lists zipkin; if not, settings
	// that are required may be empty. Check may be nil.
	Check func(selected bool) error
	// Open opens the transport. It does not wait for the other side.
	Open func(ctx context.Context, s TransportSettings) (MessageSender, error)
}

// TransportSettings are the settings of the zipkin backend that concern a transport.
type TransportSettings struct {
	ServiceName string
	ContentType string // of the messages: application/x-protobuf or application/json
	// TLS returns the configuration for the next connection, made from the files of
	// [ZipkinConfig]. Files that have changed are read again, so it is to be called for each
	// connection. The configuration must not be changed.
	TLS func() *tls.Config
}

// A MessageSender sends messages, each a list of spans as Zipkin's collectors read it.
type MessageSender struct {
	// Address is shown in logs and errors. It must not contain credentials.
	Address string
	// Send sends one message, and returns when the other side has confirmed it or ctx ends. ctx has
	// the time limit of the attempt. Send may be called concurrently, and must not keep the
	// message. A [*delivery.SendError] says what becomes of the spans; after any other error the
	// message is sent again.
	Send func(ctx context.Context, message []byte) error
	// Close releases what Send uses. It is called once, after the last Send. It may be nil.
	Close func()
}
