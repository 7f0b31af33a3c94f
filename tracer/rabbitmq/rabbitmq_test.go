package rabbitmq_test

import (
	"testing"

	"bookservice/tracer"
	"bookservice/tracer/rabbitmq"
)

func TestSettings(t *testing.T) {
	const like = " must be like amqp://user:password@127.0.0.1:5672/"
	for _, test := range []struct {
		want     string
		selected bool // only if the transport is
		change   func(*rabbitmq.Config)
	}{
		{`-rabbitmq-url "http://xxxxx@h":` + like, false,
			func(c *rabbitmq.Config) { c.URL = "http://u:s3cret@h" }},
		{`-rabbitmq-url "amqp://xxxxx":` + like, false,
			func(c *rabbitmq.Config) { c.URL = "amqp://u:s3c/ret@h:x/" }},
		{`-rabbitmq-url "":` + like, true, func(c *rabbitmq.Config) { c.URL = "" }},
		{`-rabbitmq-queue "": must not be empty for -zipkin-transport rabbitmq`, true,
			func(c *rabbitmq.Config) { c.Queue = "" }},
	} {
		c, rc := tracer.DefaultConfig(), rabbitmq.DefaultConfig()
		c.Backend, c.ServiceName, c.Zipkin.Transport = "zipkin", "books", rabbitmq.Name
		test.change(&rc)
		if err := c.Validate(rabbitmq.Transport(&rc)); err == nil || err.Error() != test.want {
			t.Errorf("have %v, want %s", err, test.want)
		}
		c.Zipkin.Transport = tracer.ZipkinHTTP
		switch err := c.Validate(rabbitmq.Transport(&rc)); {
		case test.selected && err != nil:
			t.Errorf("transport http: have %v, want an empty setting allowed", err)
		case !test.selected && (err == nil || err.Error() != test.want):
			t.Errorf("transport http: have %v, want %s", err, test.want)
		}
	}
}
