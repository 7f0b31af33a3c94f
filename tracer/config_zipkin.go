package tracer

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// Ways to Zipkin's collector, and what spans are written as on the way.
const (
	ZipkinHTTP     = "http"
	ZipkinKafka    = "kafka"
	ZipkinRabbitMQ = "rabbitmq"

	ZipkinProto = "proto"
	ZipkinJSON  = "json"
)

// ZipkinConfig is what only the zipkin backend needs.
type ZipkinConfig struct {
	Transport string // ZipkinHTTP, ZipkinKafka or ZipkinRabbitMQ
	Format    string // ZipkinProto or ZipkinJSON; Zipkin's collectors understand both

	// For TLS, on any way.
	CA   string // file with the certificates (PEM) that the other side's is checked against; empty for the system's
	Cert string // file with the certificate (PEM) that the other side is shown; empty for none
	Key  string // file with its key (PEM)

	// For HTTP. KafkaConfig and RabbitMQConfig are for the others.
	URL      string // of the collector's POST endpoint, http or https
	Gzip     bool   // compress what is posted
	User     string // for basic authentication (RFC 7617); empty for none
	Password string
	Token    string // for bearer authentication (RFC 6750); empty for none
	Headers  string // sent with each post: name=value pairs separated by commas, the values percent-encoded
}

func (z *ZipkinConfig) registerFlags(fs *flag.FlagSet) {
	fs.StringVar(&z.URL, "zipkin-url", z.URL, "where Zipkin takes spans")
	fs.StringVar(&z.Transport, "zipkin-transport", z.Transport, "way to Zipkin: http, kafka or rabbitmq")
	fs.StringVar(&z.Format, "zipkin-format", z.Format, "what spans are sent to Zipkin as: proto or json")
	fs.BoolVar(&z.Gzip, "zipkin-gzip", z.Gzip, "compress what is posted to Zipkin")
	fs.StringVar(&z.CA, "zipkin-ca", z.CA, "PEM file with the certificates that Zipkin's is checked against; empty for the system's")
	fs.StringVar(&z.Cert, "zipkin-cert", z.Cert, "PEM file with the certificate that is shown to Zipkin")
	fs.StringVar(&z.Key, "zipkin-key", z.Key, "PEM file with the key of -zipkin-cert")
	fs.StringVar(&z.User, "zipkin-user", z.User, "user name for Zipkin")
	fs.StringVar(&z.Password, "zipkin-password", z.Password, "password of -zipkin-user")
	fs.StringVar(&z.Token, "zipkin-token", z.Token, "bearer token for Zipkin")
	fs.StringVar(&z.Headers, "zipkin-headers", z.Headers, "headers for Zipkin: name=value pairs with commas")
}

func checkZipkin(c Config) error {
	z := c.Zipkin
	if z.Format != ZipkinProto && z.Format != ZipkinJSON {
		return fmt.Errorf("zipkin-format %q: must be %s or %s", z.Format, ZipkinProto, ZipkinJSON)
	}
	if (z.Cert == "") != (z.Key == "") {
		return errors.New("zipkin-cert and zipkin-key: must both be given, or neither")
	}
	switch z.Transport {
	case ZipkinHTTP:
		return z.checkHTTP()
	case ZipkinKafka:
		return c.Kafka.check()
	case ZipkinRabbitMQ:
		return c.RabbitMQ.check()
	}
	return fmt.Errorf("zipkin-transport %q: must be %s, %s or %s", z.Transport, ZipkinHTTP, ZipkinKafka, ZipkinRabbitMQ)
}

func (z ZipkinConfig) checkHTTP() error {
	if _, err := webURL("zipkin-url", z.URL, "http://127.0.0.1:9411/api/v2/spans"); err != nil {
		return err
	}
	switch {
	case z.Password != "" && z.User == "":
		return errors.New("zipkin-password: needs a zipkin-user")
	case z.User != "" && z.Token != "":
		return errors.New("zipkin-user and zipkin-token: must not both be given")
	}
	_, err := z.header()
	return err
}

// tls reads the files that are named.
func (z ZipkinConfig) tls() (*tls.Config, error) {
	return tlsFiles{z.CA, z.Cert, z.Key, "zipkin-ca", "zipkin-cert", "zipkin-key"}.config()
}

// header returns what goes with each post beside its content type.
func (z ZipkinConfig) header() (http.Header, error) {
	pairs, err := parseHeaders("zipkin-headers", z.Headers)
	if err != nil {
		return nil, err
	}
	h := http.Header{}
	for name, value := range pairs {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return nil, fmt.Errorf("zipkin-headers: %q: must be a name and a value that HTTP allows", name)
		}
		h.Set(name, value)
	}
	if z.Token != "" {
		h.Set("Authorization", "Bearer "+strings.TrimSpace(z.Token))
	}
	return h, nil
}
