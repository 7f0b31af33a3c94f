package tracer

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"bookservice/tracer/delivery"
	"bookservice/tracer/internal/losses"
	"bookservice/tracer/internal/rfc9110"
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

	// Files for TLS, with every transport, in PEM format. They are read again when they change.
	CA   string // certificates to verify the server with; empty for those of the system
	Cert string // client certificate; empty for none
	Key  string // private key of Cert

	// Timeout limits one attempt to deliver a batch, with every transport: 100 ms or more. An
	// attempt begins with 10 s, or with Timeout if that is shorter. After two attempts in a row
	// that did not end in time, the limit doubles, up to Timeout.
	Timeout time.Duration

	// Settings of [ZipkinHTTP].
	URL      string // of the collector's POST endpoint, http or https
	Gzip     string // compress posts: "true", "false", or "auto", which is false for loopback hosts
	User     string // for basic authentication (RFC 7617); empty for none
	Password string
	Token    string // for bearer authentication (RFC 6750); empty for none
	Headers  string // sent with each post: comma-separated name=value pairs, values percent-encoded
}

func defaultZipkin() ZipkinConfig {
	return ZipkinConfig{
		Transport: ZipkinHTTP, Format: ZipkinProto, Gzip: gzipAuto, Timeout: time.Minute,
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
		fs.StringVar(&z.Gzip, "zipkin-gzip", z.Gzip,
			"compress posts to Zipkin: true, false, or auto, which is false for a loopback host")
		fs.StringVar(&z.CA, "zipkin-ca", z.CA,
			"certificates to verify Zipkin with (PEM file); empty for the system's")
		fs.StringVar(&z.Cert, "zipkin-cert", z.Cert, "client certificate (PEM file) for Zipkin")
		fs.StringVar(&z.Key, "zipkin-key", z.Key, "private key (PEM file) of -zipkin-cert")
		fs.DurationVar(&z.Timeout, "zipkin-timeout", z.Timeout,
			"limit of one attempt to send spans to Zipkin, 100ms or more; attempts begin with 10s "+
				"and have more after time-outs")
		fs.StringVar(&z.User, "zipkin-user", z.User, "user name for Zipkin")
		settings.Secret(fs, &z.Password, "zipkin-password", "password of -zipkin-user")
		settings.Secret(fs, &z.Token, "zipkin-token", "bearer token for Zipkin")
		settings.Secret(fs, &z.Headers, "zipkin-headers",
			"HTTP headers for Zipkin: comma-separated name=value pairs, values percent-encoded")
	})
}

// minTimeout is the shortest limit of one attempt to deliver a batch.
const minTimeout = 100 * time.Millisecond

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
	if !slices.Contains([]string{"", gzipAuto, "true", "false"}, z.Gzip) {
		return z.flags.Invalid("zipkin-gzip", z.Gzip, "must be auto, true or false")
	}
	if !slices.Contains(z.names(), z.Transport) {
		return z.flags.Invalid("zipkin-transport", z.Transport,
			mustBeOneOf(z.names(), z.Transport, unlinkedTransports))
	}
	if err := z.tlsFiles().Check(); err != nil {
		return err
	}
	if (selected || z.Timeout != 0) && z.Timeout < minTimeout {
		return z.flags.Invalid("zipkin-timeout", z.Timeout, "must be 100ms or more")
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
	case strings.Contains(z.User, ":"): // it would end there (RFC 7617, section 2)
		return z.flags.InvalidSecret("zipkin-user", "must have no colon")
	case !rfc9110.IsFieldValue(z.token()):
		return z.flags.InvalidSecret("zipkin-token", "must have no control characters")
	}
	_, err := z.headers()
	return err
}

func (z zipkinBackend) tlsFiles() settings.TLSFiles {
	return settings.TLSFiles{
		CA:   settings.File{Name: z.flags.Name("zipkin-ca"), Path: z.CA},
		Cert: settings.File{Name: z.flags.Name("zipkin-cert"), Path: z.Cert},
		Key:  settings.File{Name: z.flags.Name("zipkin-key"), Path: z.Key},
	}
}

// token returns the bearer token. A token that was read from a file often ends with a line feed.
func (z zipkinBackend) token() string { return strings.TrimSpace(z.Token) }

// headers returns the headers that the user has set.
func (z zipkinBackend) headers() (map[string]string, error) {
	pairs, problem := settings.ParseHeaders(z.Headers)
	if problem != "" {
		return nil, z.flags.InvalidSecret("zipkin-headers", problem)
	}
	return pairs, nil
}

func (z zipkinBackend) open(ctx context.Context, s Settings) (Sink, error) {
	files, err := z.tlsFiles().Open(s.Logger)
	if err != nil {
		return Sink{}, err
	}
	format := zipkin.Format(z.Format)
	to := Destination{
		Spool: "zipkin-" + z.Format, Encode: format.Encode, SendTimeout: z.Timeout,
		Live: true,
	}
	for _, t := range z.transports {
		if t.Name == z.Transport {
			err = to.useTransport(ctx, t, format, TransportSettings{
				ServiceName: s.ServiceName, ContentType: format.ContentType(), TLS: files.Config,
			})
			if err != nil {
				return Sink{}, err
			}
			return s.Queue(to)
		}
	}
	if err := z.useHTTP(&to, files, s); err != nil {
		return Sink{}, err
	}
	return s.Queue(to)
}

func (z zipkinBackend) useHTTP(to *Destination, files *settings.TLS, s Settings) error {
	pairs, err := z.headers()
	if err != nil {
		return err
	}
	header := http.Header{}
	for name, value := range pairs {
		header.Set(name, value)
	}
	if z.token() != "" {
		header.Set("Authorization", "Bearer "+z.token())
	}
	sender := zipkin.NewSender(zipkin.Config{
		URL: z.URL, Header: header, User: z.User, Password: z.Password, Gzip: z.compress(),
		TLS: files, Format: zipkin.Format(z.Format), Senders: s.Delivery.Senders,
		Losses:  losses.New(s.ServiceName),
		Secrets: append(settings.HeaderSecrets(slices.Collect(maps.Values(pairs))...), z.token()),
	})
	to.Address, to.Send, to.Close = settings.RedactURL(z.URL), sender.Send, sender.Close
	return nil
}

// gzipAuto compresses posts that leave the machine. Compression costs more processor time than it
// saves on a loopback interface.
const gzipAuto = "auto"

// compress reports whether posts are compressed. An empty setting is that of gzipAuto.
func (z zipkinBackend) compress() bool {
	if z.Gzip == "true" || z.Gzip == "false" {
		return z.Gzip == "true"
	}
	u, err := url.Parse(z.URL)
	if err != nil {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() != "localhost" && (err != nil || !ip.Unmap().IsLoopback())
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
