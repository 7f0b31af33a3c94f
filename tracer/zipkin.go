package tracer

import (
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"bookservice/tracer/delivery"
	"bookservice/tracer/internal/settings"
	"bookservice/tracer/internal/zipkin"
)

// ZipkinHTTP is the transport that is always linked.
const ZipkinHTTP = "http"

// Formats in which spans are sent to Zipkin.
const (
	ZipkinProto = string(zipkin.Proto)
	ZipkinJSON  = string(zipkin.JSON)
)

// unlinkedTransports names the transports of this module that this package does not link. The
// values are the packages to import.
var unlinkedTransports = map[string]string{
	"kafka": "bookservice/tracer/kafka", "rabbitmq": "bookservice/tracer/rabbitmq",
}

// ZipkinConfig configures the zipkin backend.
type ZipkinConfig struct {
	Transport string // [ZipkinHTTP], or a transport among the options
	Format    string // [ZipkinProto] or [ZipkinJSON]; Zipkin's collectors accept both

	// Files for TLS, with every transport, in PEM format.
	CA   string // certificates to verify the server with; empty for those of the system
	Cert string // client certificate; empty for none
	Key  string // private key of Cert

	// Settings of [ZipkinHTTP].
	URL      string // of the collector's POST endpoint, http or https
	Gzip     bool   // compress posts
	User     string // for basic authentication (RFC 7617); empty for none
	Password string
	Token    string // for bearer authentication (RFC 6750); empty for none
	Headers  string // sent with each post: comma-separated name=value pairs, values percent-encoded
}

func defaultZipkin() ZipkinConfig {
	return ZipkinConfig{
		Transport: ZipkinHTTP, Format: ZipkinProto, Gzip: true,
		URL: "http://127.0.0.1:9411/api/v2/spans",
	}
}

// backend returns the zipkin backend with these settings.
func (z *ZipkinConfig) backend(flags settings.Prefix, transports []Transport) Backend {
	b := zipkinBackend{z, flags, transports}
	return Backend{
		Name: "zipkin", RegisterFlags: b.registerFlags, Check: b.check, Open: b.open,
	}
}

type zipkinBackend struct {
	*ZipkinConfig
	flags      settings.Prefix
	transports []Transport
}

func (z zipkinBackend) registerFlags(fs *flag.FlagSet, prefix string) error {
	return settings.Prefix(prefix).Register(fs, func(fs *flag.FlagSet) {
		settings.URL(fs, &z.URL, "zipkin-url", "URL that spans are posted to")
		fs.StringVar(&z.Transport, "zipkin-transport", z.Transport,
			"transport to Zipkin: "+strings.Join(z.names(), ", "))
		fs.StringVar(&z.Format, "zipkin-format", z.Format,
			"format of spans for Zipkin: proto or json")
		fs.BoolVar(&z.Gzip, "zipkin-gzip", z.Gzip, "compress posts to Zipkin")
		fs.StringVar(&z.CA, "zipkin-ca", z.CA,
			"certificates to verify Zipkin with (PEM file); empty for the system's")
		fs.StringVar(&z.Cert, "zipkin-cert", z.Cert, "client certificate (PEM file) for Zipkin")
		fs.StringVar(&z.Key, "zipkin-key", z.Key, "private key (PEM file) of -zipkin-cert")
		fs.StringVar(&z.User, "zipkin-user", z.User, "user name for Zipkin")
		settings.Secret(fs, &z.Password, "zipkin-password", "password of -zipkin-user")
		settings.Secret(fs, &z.Token, "zipkin-token", "bearer token for Zipkin")
		settings.Secret(fs, &z.Headers, "zipkin-headers",
			"HTTP headers for Zipkin: comma-separated name=value pairs, values percent-encoded")
	})
}

// names returns the names of the linked transports.
func (z zipkinBackend) names() []string {
	names := []string{ZipkinHTTP}
	for _, t := range z.transports {
		names = append(names, t.Name)
	}
	return names
}

func (z zipkinBackend) check(selected bool) error {
	if z.Format != ZipkinProto && z.Format != ZipkinJSON {
		return z.flags.Invalid("zipkin-format", z.Format, "must be proto or json")
	}
	if !slices.Contains(z.names(), z.Transport) {
		return z.flags.Invalid("zipkin-transport", z.Transport,
			mustBeOneOf(z.names(), z.Transport, unlinkedTransports))
	}
	if err := z.tlsFiles().Check(); err != nil {
		return err
	}
	if err := z.checkHTTP(selected && z.Transport == ZipkinHTTP); err != nil {
		return err
	}
	for _, t := range z.transports {
		if t.Check == nil {
			continue
		}
		if err := t.Check(selected && z.Transport == t.Name); err != nil {
			return err
		}
	}
	return nil
}

func (z zipkinBackend) checkHTTP(selected bool) error {
	if selected || z.URL != "" {
		if _, err := settings.ParseURL(z.URL); err != nil {
			return z.flags.Invalid("zipkin-url", settings.RedactURL(z.URL),
				"must be like "+defaultZipkin().URL)
		}
	}
	switch {
	case z.Password != "" && z.User == "":
		return z.flags.InvalidSecret("zipkin-password",
			"must be empty unless "+z.flags.Flag("zipkin-user")+" is set")
	case z.User != "" && z.Token != "":
		return z.flags.InvalidSecret("zipkin-token",
			"must be empty if "+z.flags.Flag("zipkin-user")+" is set")
	}
	_, err := z.header()
	return err
}

func (z zipkinBackend) tlsFiles() settings.TLSFiles {
	return settings.TLSFiles{
		CA:   settings.File{Name: z.flags.Name("zipkin-ca"), Path: z.CA},
		Cert: settings.File{Name: z.flags.Name("zipkin-cert"), Path: z.Cert},
		Key:  settings.File{Name: z.flags.Name("zipkin-key"), Path: z.Key},
	}
}

// header returns the headers of each post.
func (z zipkinBackend) header() (http.Header, error) {
	pairs, problem := settings.ParseHeaders(z.Headers)
	if problem != "" {
		return nil, z.flags.InvalidSecret("zipkin-headers", problem)
	}
	h := http.Header{}
	for name, value := range pairs {
		h.Set(name, value)
	}
	if z.Token != "" {
		h.Set("Authorization", "Bearer "+strings.TrimSpace(z.Token))
	}
	return h, nil
}

func (z zipkinBackend) open(ctx context.Context, s Settings) (Sink, error) {
	tlsConfig, err := z.tlsFiles().Config()
	if err != nil {
		return Sink{}, err
	}
	format := zipkin.Format(z.Format)
	to := Destination{Spool: "zipkin-" + z.Format, Encode: format.Encode}
	for _, t := range z.transports {
		if t.Name == z.Transport {
			err = to.useTransport(ctx, t, format, TransportSettings{
				ServiceName: s.ServiceName, ContentType: format.ContentType(), TLS: tlsConfig,
			})
			if err != nil {
				return Sink{}, err
			}
			return s.Queue(to)
		}
	}
	if err := z.useHTTP(&to, tlsConfig, s.Delivery.Senders); err != nil {
		return Sink{}, err
	}
	return s.Queue(to)
}

func (z zipkinBackend) useHTTP(to *Destination, tlsConfig *tls.Config, senders int) error {
	header, err := z.header()
	if err != nil {
		return err
	}
	sender := zipkin.NewSender(zipkin.Config{
		URL: z.URL, Header: header, User: z.User, Password: z.Password, Gzip: z.Gzip,
		TLS: tlsConfig, Format: zipkin.Format(z.Format), Senders: senders,
	})
	to.Address, to.Send, to.Close = settings.RedactURL(z.URL), sender.Send, sender.Close
	return nil
}

// useTransport makes the destination send its batches as messages of the transport.
func (to *Destination) useTransport(
	ctx context.Context, t Transport, format zipkin.Format, s TransportSettings,
) error {
	sender, err := t.Open(ctx, s)
	if err != nil {
		return fmt.Errorf("%s: %w", t.Name, err)
	}
	to.Address, to.Close = sender.Address, sender.Close
	to.Send = func(ctx context.Context, batch delivery.Batch) error {
		ctx, cancel := context.WithTimeout(ctx, zipkin.PostTimeout)
		defer cancel()
		return sender.Send(ctx, format.Message(batch))
	}
	return nil
}

// traceURL returns the address of a trace in Zipkin's web page.
func (z *ZipkinConfig) traceURL(traceID string) string {
	u, err := url.Parse(z.URL)
	if err != nil {
		return ""
	}
	base := strings.TrimSuffix(strings.TrimSuffix(u.Path, "/api/v2/spans"), "/zipkin")
	u.User, u.RawQuery = nil, ""
	u.Path = base + "/zipkin/traces/" + traceID
	return u.String()
}
